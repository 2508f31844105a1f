/** npm passes a Ctrl-C on to us that the terminal has sent us already: so soon a second signal is the first's echo. */
const echoMs = 500

/**
 * Ends the process in good order: on SIGINT, SIGTERM and SIGHUP with exit status 0, on an uncaught error, after
 * reporting it, with 1. A second signal, or the deadline, ends it at once with 1.
 *
 * @param drain lets others know that the process is about to end; the deadline is for what comes after it
 * @param close ends what the process started
 * @param report told once about an uncaught error, or that closing failed or took too long
 * @returns what a start that failed calls with its error, to end the process as an uncaught one does; while closing
 * it does nothing, as a start that is cut short may fail
 */
export function closeGracefully(
  drain: () => Promise<void>,
  close: () => Promise<void>,
  report: (error: unknown) => void,
  deadlineMs: number,
): (error: unknown) => void {
  let closingSince = 0

  async function end(status: number): Promise<void> {
    closingSince = performance.now()
    if (status === 0) await drain().catch(fail)
    setTimeout(() => fail(new Error(`not closed within ${deadlineMs} ms`)), deadlineMs)
    await close().catch(fail)
    process.exit(status)
  }

  function fail(error: unknown): never {
    report(error)
    process.exit(1)
  }

  function abandon(error: unknown): void {
    if (closingSince !== 0) return
    report(error)
    void end(1)
  }

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => {
      if (closingSince === 0) return void end(0)
      if (performance.now() - closingSince > echoMs) fail(new Error(`${signal} while closing`))
    })
  for (const event of ['uncaughtException', 'unhandledRejection'])
    process.on(event, (error) => (closingSince === 0 ? abandon(error) : fail(error)))
  return abandon
}
