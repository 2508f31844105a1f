import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'
import { cloneDatabase } from './database.js'

/** A running program and its output so far. */
export interface RunningProgram {
  process: ChildProcessByStdio<null, Readable, Readable>
  stdout: string
  stderr: string
  /** Resolves when standard output has the text, rejects when the program ends without it. */
  prints(text: string): Promise<void>
  /** The exit status, or the name of the signal that ended it. */
  ends(): Promise<number | string>
}

/**
 * Starts a program in a separate process.
 *
 * @param file a built file below dist/, or a source file, which is run compiled and counts for coverage
 */
export function startProgram(
  t: Test,
  file: string,
  env: Record<string, string>,
  { args = [] as string[], cwd = process.cwd() } = {},
): RunningProgram {
  const isSource = file.endsWith('.ts')
  const script = isSource ? `build/${file.replace(/ts$/, 'js')}` : file
  const child = spawn(process.execPath, [...(isSource ? process.execArgv : []), script, ...args], {
    cwd,
    env: { ...inherited(isSource), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const exit = once(child, 'exit')
  const closed = once(child, 'close')
  const program: RunningProgram = {
    process: child,
    stdout: '',
    stderr: '',
    async prints(text) {
      while (!program.stdout.includes(text)) {
        const more = await Promise.race([once(child.stdout, 'data'), closed.then(() => null)])
        if (!more && !program.stdout.includes(text))
          throw new Error(`${file} ended without printing ${text}\n${program.stdout}${program.stderr}`)
      }
    },
    async ends() {
      const [status, signal] = await exit
      await closed
      return status ?? signal
    },
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    program.stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    program.stderr += text
  })
  t.teardown(async () => {
    child.kill('SIGTERM')
    const deadline = setTimeout(() => child.kill('SIGKILL'), 15_000)
    await closed
    clearTimeout(deadline)
  })
  return program
}

/** The source of the service, or the built service. */
export type ServiceFile = 'src/server.ts' | 'dist/src/server.js'

/** Address and process of a started service. */
export interface Service {
  host: string
  port: number
  origin: string
  program: RunningProgram
}

/**
 * Starts the service on a free port over a new, migrated and seeded database. It ends with the test.
 *
 * @param file the source, whose coverage counts, or the built service, which starts in a third of the time
 */
export async function startService(
  t: Test,
  env: Record<string, string> = {},
  file: ServiceFile = 'src/server.ts',
): Promise<Service> {
  const url = env.DATABASE_URL ?? (await cloneDatabase(t))
  const program = startProgram(t, file, { PORT: '0', DATABASE_URL: url, ...env })
  await program.prints('Server listening at')
  const port = Number(/Server listening at http:\/\/127\.0\.0\.1:(\d+)/.exec(program.stdout)?.[1])
  return { host: '127.0.0.1', port, origin: `http://127.0.0.1:${port}`, program }
}

/** Returns the environment variables that a child needs: to find programs and, for a source file, to collect coverage. */
function inherited(isSource: boolean): Record<string, string | undefined> {
  const { PATH, HOME, TMPDIR, NODE_V8_COVERAGE } = process.env
  return { PATH, HOME, TMPDIR, ...(isSource && { NODE_V8_COVERAGE }) }
}
