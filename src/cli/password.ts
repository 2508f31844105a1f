import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { canBeHashed } from '../passwords/bcrypt.js'
import { CommandError, exitStatus, type Io } from './run.js'

/**
 * A new password: asked for twice, without echo, where a person sits; else the first line of the input.
 *
 * @throws CommandError when the two differ, or the password is none that can be hashed
 */
export async function readNewPassword({ stdin: input, stderr: prompt }: Io): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input, output: silent, terminal: input.isTTY === true })
  // Ctrl-C ends the input, and no password is none.
  lines.on('SIGINT', () => lines.close())
  const reader = lines[Symbol.asyncIterator]()
  const readLine = async () => String((await reader.next()).value ?? '')
  const ask = async (question: string) => {
    prompt.write(question)
    return readLine().finally(() => prompt.write('\n'))
  }
  try {
    if (!input.isTTY) return check(await readLine())
    const password = check(await ask('Password: '))
    if ((await ask('Once more: ')) === password) return password
    throw new CommandError(exitStatus.usage, 'the two passwords are not the same')
  } finally {
    lines.close()
  }
}

function check(password: string): string {
  if (password === '' || !canBeHashed(password))
    throw new CommandError(exitStatus.usage, 'a password has 1 to 72 bytes of UTF-8 and no NUL')
  return password
}
