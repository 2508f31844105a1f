import { exit } from './exit.js'
import { OperatorError } from './operator-error.js'

/**
 * Time within which a second signal is taken for an echo of the first (milliseconds). On Ctrl-C the terminal signals this
 * process, and npm passes its own signal on.
 */
const echoMs = 500

/**
 * Ends the process gracefully: on SIGINT, SIGTERM and SIGHUP with exit status 0, on an uncaught error with 1. A second
 * signal, or the deadline, ends the process at once with 1.
 *
 * @param drain announces the end of the process; called only on a signal, with its name, and has no deadline
 * @param close closes what the process has started, within the deadline
 * @param report receives an uncaught error, and the reason why the process could not be closed
 * @returns a function to call with the error of a failed start, or of a part without which the process cannot go on. It
 * ends the process like an uncaught error. Once the process is closing, the function does nothing, as the close may cause such
 * errors.
 */
export function closeGracefully(
  drain: (signal: string) => Promise<void>,
  close: () => Promise<void>,
  report: (error: unknown) => void,
  deadlineMs: number,
): (error: unknown) => void {
  let closingSince = 0

  async function end(signal?: string): Promise<void> {
    closingSince = performance.now()
    if (signal) await drain(signal).catch(fail)
    setTimeout(() => fail(new OperatorError(`not closed within ${deadlineMs} ms`)), deadlineMs)
    await close().catch(fail)
    exit(signal ? 0 : 1)
  }

  function fail(error: unknown): never {
    report(error)
    exit(1)
  }

  function abandon(error: unknown): void {
    if (closingSince !== 0) return
    report(error)
    void end()
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      if (closingSince === 0) return void end(signal)
      if (performance.now() - closingSince > echoMs) fail(new OperatorError(`${signal} while closing`))
    })
  for (const event of ['uncaughtException', 'unhandledRejection'])
    process.on(event, (error) => (closingSince === 0 ? abandon(error) : fail(error)))
  return abandon
}
