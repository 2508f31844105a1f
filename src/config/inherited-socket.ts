import { fstatSync } from 'node:fs'
import { OperatorError } from '../lifecycle/operator-error.js'

/** File descriptor of the first socket that is passed. */
const firstDescriptor = 3
/** Variables by which systemd describes the sockets. */
const variables = ['LISTEN_FDS', 'LISTEN_FDNAMES', 'LISTEN_PID', 'LISTEN_PIDFDID']

/**
 * Returns the file descriptor of the socket that systemd passes to this process (sd_listen_fds(3)), to listen on instead of
 * `HOST` and `PORT`, or undefined if it passes none. Removes the variables about it, as they do not concern a process that
 * this one starts.
 *
 * @throws OperatorError if a socket is passed to another process, or anything but one socket is passed
 */
export function takeInheritedSocket(environment: NodeJS.ProcessEnv, pid: number): number | undefined {
  const { LISTEN_FDS: count, LISTEN_PID: receiver } = environment
  for (const name of variables) delete environment[name]
  if (!count) return undefined
  if (receiver !== String(pid))
    throw new OperatorError('LISTEN_PID names another process: start this one directly, not by a script')
  if (count !== '1') throw new OperatorError('LISTEN_FDS must be 1: the service listens on one socket')
  if (!fstatSync(firstDescriptor).isSocket())
    throw new OperatorError(`LISTEN_FDS promises a socket, but file descriptor ${firstDescriptor} is not one`)
  return firstDescriptor
}
