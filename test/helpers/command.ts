import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { runCommandLine } from '../../src/cli/program.js'

/** Result of a command. */
export interface CommandOutcome {
  status: number
  stdout: string
  stderr: string
}

/** Runs `latchkey ARGS` inside the test's process on the database at `url`; `input` is its standard input. */
export async function runCommand(
  url: string,
  args: string[],
  {
    input = '' as string | Buffer,
    isTTY = false,
    env = {} as Record<string, string>,
    nodeVersion = '24.1.0',
    now = new Date('2026-01-01T00:00:00Z'),
  } = {},
): Promise<CommandOutcome> {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const stdin = Object.assign(new PassThrough(), { isTTY })
  stdin.end(input)
  const io = {
    env: { DATABASE_URL: url, DATABASE_TIMEOUT_SECONDS: '60', BCRYPT_COST: '4', ...env },
    stdin,
    stdout,
    stderr,
    nodeVersion,
    now,
  }
  // Read meanwhile, as a command waits when its output is not read.
  const outputs = Promise.all([text(stdout), text(stderr)])
  const status = await runCommandLine(args, io)
  stdout.end()
  stderr.end()
  const [printed, problems] = await outputs
  return { status, stdout: printed, stderr: problems }
}
