import type { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { OperatorError } from './operator-error.js'

/**
 * Begins to accept connections: on a socket that the process has inherited or, without one, on a host and a port.
 *
 * @throws OperatorError if that is not possible, or the socket has no network address, which limits on failed logins need
 */
export async function listen(
  app: FastifyInstance,
  { host, port }: { host: string; port: number },
  inheritedSocket: number | undefined,
): Promise<void> {
  if (inheritedSocket === undefined)
    await app.listen({ host, port }).catch((error: Error) => {
      throw new OperatorError(describeListenError(error))
    })
  else await listenOnSocket(app, inheritedSocket)
}

/** Returns why the service cannot listen, in one line for the operator. @param settings the names of host and port */
export function describeListenError(error: Error, settings = 'HOST and PORT'): string {
  return `cannot listen: ${describe(error)}; see ${settings}`
}

async function listenOnSocket(app: FastifyInstance, fd: number): Promise<void> {
  app.server.once('listening', requireAddress)
  // Node.js prefers the socket. Without a host, Fastify would listen on localhost as well.
  const options = { fd, host: '' }
  await app.listen(options).catch((error: Error) => {
    throw new OperatorError(`cannot listen on the socket of LISTEN_FDS: ${describe(error)}`)
  })
}

/** Ends the process if its socket has no network address. It is called before Fastify, which could not go on, logs the address. */
function requireAddress(this: Server): void {
  if (this.address() === null)
    throw new OperatorError('cannot listen on the socket of LISTEN_FDS: it must be one of TCP')
}

/** Returns the message of an error without the name of the system call. */
function describe({ message }: Error): string {
  return message.replace(/^listen \w+: /, '')
}
