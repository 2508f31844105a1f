import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { CommandError, exitStatus, Interrupted } from './command-error.js'
import type { Io } from './io.js'

/** Prompts for lines. */
export interface Prompt {
  /** Returns the next line of standard input. A question is written to a terminal only. */
  ask(question: string): Promise<string>
  close(): void
}

/**
 * Opens a prompt on standard input, without echo on a terminal.
 *
 * `ask` throws Interrupted after Ctrl-C, and CommandError if the input has ended.
 */
export function openSecretPrompt({ stdin: input, stderr }: Io): Prompt {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: silent, terminal: input.isTTY === true })
  let isInterrupted = false
  lines.on('SIGINT', () => {
    isInterrupted = true
    lines.close()
  })
  const reader = lines[Symbol.asyncIterator]()
  async function ask(question: string): Promise<string> {
    if (input.isTTY) stderr.write(question)
    const { value, done } = await reader.next()
    if (input.isTTY) stderr.write('\n')
    if (isInterrupted) throw new Interrupted()
    if (done) throw new CommandError(exitStatus.usage, 'standard input has ended, and a password is needed')
    return value
  }
  return { ask, close: () => lines.close() }
}

/** Words of refusals, when something is not confirmed. */
interface Confirmation {
  /** What is required without a terminal. */
  requirement: (question: string) => string
  refusal: string
}

const deletion: Confirmation = {
  requirement: (question) => `a deletion requires --yes: ${question}`,
  refusal: 'nothing was deleted',
}

/**
 * Asks a question before something is deleted or changed, unless `--yes` is given.
 *
 * @throws CommandError if the answer is not yes, or there is no terminal to ask on
 */
export async function requireConfirmation(
  question: string,
  yes: unknown,
  io: Io,
  { requirement, refusal }: Confirmation = deletion,
): Promise<void> {
  if (yes) return
  if (!io.stdin.isTTY)
    throw new CommandError(exitStatus.usage, `without a terminal, ${requirement(question)}`)
  io.stderr.write(`${question} [y/N] `)
  // The terminal itself echoes the line, and sends SIGINT for Ctrl-C.
  const lines = createInterface({ input: io.stdin, terminal: false })
  const { value } = await lines[Symbol.asyncIterator]().next()
  lines.close()
  if (!/^y(es)?$/i.test(value ?? '')) throw new CommandError(exitStatus.refused, refusal)
}
