import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { canBeHashed } from '../passwords/bcrypt.js'
import type { Io } from './io.js'
import { CommandError, exitStatus } from './run.js'

/**
 * Reads a new password. A terminal is prompted twice, without echo; of any other input the first line is taken.
 *
 * @param requireFit throws if the password is not acceptable for the user
 * @throws CommandError if the two passwords differ, or the password cannot be hashed
 */
export async function readNewPassword(
  { stdin: input, stderr: prompt }: Io,
  requireFit: (password: string) => Promise<void>,
): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: silent, terminal: input.isTTY === true })
  // Ctrl-C ends the input, and the empty password is refused.
  lines.on('SIGINT', () => lines.close())
  const reader = lines[Symbol.asyncIterator]()
  const readLine = async () => String((await reader.next()).value ?? '')
  const ask = async (question: string) => {
    prompt.write(question)
    return readLine().finally(() => prompt.write('\n'))
  }
  async function check(password: string): Promise<string> {
    // Node.js replaces bytes that are not valid UTF-8 by U+FFFD.
    if (password.includes('\uFFFD'))
      throw new CommandError(exitStatus.usage, 'the password is not valid UTF-8')
    if (password === '' || !canBeHashed(password))
      throw new CommandError(exitStatus.usage, 'a password must have 1 to 72 bytes of UTF-8 and no NUL')
    await requireFit(password)
    return password
  }
  try {
    if (!input.isTTY) return await check(await readLine())
    const password = await check(await ask('Password: '))
    if ((await ask('Repeat password: ')) === password) return password
    throw new CommandError(exitStatus.usage, 'the passwords do not match')
  } finally {
    lines.close()
  }
}
