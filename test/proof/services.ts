import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Project } from '../helpers/project.js'

/** A process whose clock can be set. */
interface Machine {
  /** Sets its clock to another time than that of the machine. */
  jumpTo(offsetMs: number): void
}

/** The service that is called. */
export interface Orders extends Machine {
  origin: string
  /** Time after which a revoked token is refused, as the package states it (milliseconds). */
  maxRevocationDelayMs: number
  /** Age at which a withdrawn key is no longer used (milliseconds). */
  maxKeyAgeMs: number
  /** Longest time that its process was late so far (milliseconds). */
  readonly longestDelayMs: number
}

/** A call: when it began (milliseconds since 1970), and why it failed, or ''. */
type Call = [startedAt: number, failure: string]

/** A service that calls another one. */
export interface Caller extends Machine {
  /** Makes no more calls. @returns all calls, when each has ended */
  stop(): Promise<Call[]>
}

/** Starts the service that is called, which ends with the test. */
export async function startOrders(t: Test, project: Project, env: Record<string, string>): Promise<Orders> {
  const child = start(t, project, 'orders.js', env)
  const [message] = (await once(child, 'message')) as [Omit<Orders, keyof Machine | 'longestDelayMs'>]
  let longestDelayMs = 0
  child.on('message', (report: { longestDelayMs: number }) => {
    longestDelayMs = report.longestDelayMs
  })
  return {
    ...message,
    jumpTo: (offsetMs) => void child.send(offsetMs),
    get longestDelayMs() {
      return longestDelayMs
    },
  }
}

/** Starts a service that makes calls from now on, which ends with the test. */
export function startCaller(t: Test, project: Project, env: Record<string, string>): Caller {
  const child = start(t, project, 'caller.js', env)
  return {
    jumpTo: (offsetMs) => void child.send(offsetMs),
    async stop() {
      child.send('stop')
      const [{ calls }] = (await once(child, 'message')) as [{ calls: Call[] }]
      return calls
    },
  }
}

function start(t: Test, { folder }: Project, file: string, env: Record<string, string>): ChildProcess {
  const { PATH } = process.env
  const child = fork(join(folder, file), {
    env: { PATH, ...env },
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  const exit = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exit
  })
  return child
}
