/** Name of Node.js for a host name that is being looked up. */
const lookup = 'GetAddrInfoReqWrap'

/**
 * Ends the process. While a host name is being looked up, `process.exit` would wait for the name server, which can take a minute:
 * then a signal ends the process, SIGTERM in place of the status 0, SIGKILL in place of any other. The first process of a container
 * is immune to its own signals, and waits.
 */
export function exit(status: number): never {
  if (process.getActiveResourcesInfo().includes(lookup)) {
    const signal = status === 0 ? 'SIGTERM' : 'SIGKILL'
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  }
  process.exit(status)
}
