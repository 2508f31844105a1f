import { createServer, type Server } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyBaseLogger, FastifyHttpOptions } from 'fastify'
import { catalogue } from '../../errors.js'
import type { Metrics } from '../../metrics/index.js'
import { normalizeAddress } from './client-address.js'
import { createPipelines, type Pipelines } from './pipelines.js'
import { codeOf, findRefusal, limitChunks, type RefusalCode, writeRefusal } from './refusals.js'

/** Time limits of a server and its connections (milliseconds). */
interface ServerLimits {
  http: { headersTimeout: number; connectionsCheckingInterval: number }
  connectionTimeout: number
  requestTimeout: number
  keepAliveTimeout: number
}

/**
 * Returns the Fastify options for a server that responds to the messages of a connection in order, and to malformed ones
 * with the same headers and body as to any other error.
 */
export function orderedServerOptions(
  metrics: Pick<Metrics, 'refusedMessages'>,
): Pick<FastifyHttpOptions<Server>, 'serverFactory' | 'clientErrorHandler'> {
  let pipelines: Pipelines
  let log: FastifyBaseLogger

  function refuse(socket: Socket, code: RefusalCode, reason: string, method?: string): void {
    const remoteAddress = normalizeAddress(socket.remoteAddress)
    metrics.refusedMessages.add({ code })
    log.debug({ reason, statusCode: catalogue[code].status, remoteAddress }, 'message refused')
    pipelines.end(socket, () => writeRefusal(socket, code, method))
  }

  return {
    serverFactory(handle, options) {
      const limits = options as unknown as ServerLimits
      log = options.logger as FastifyBaseLogger
      pipelines = createPipelines(handle)
      const server = createServer({ ...limits.http, requireHostHeader: false }, (request, response) => {
        const refusal = findRefusal(request)
        if (refusal) refuse(request.socket, refusal.code, refusal.reason, request.method)
        else {
          limitChunks(request, () =>
            refuse(request.socket, 'body_too_large', 'a body of tiny chunks', request.method),
          )
          pipelines.add(request, response)
        }
      })
      // Node.js removes its own listener from a socket that it hands over; an error without a listener ends the process.
      server.on('connection', (socket) => socket.on('error', ignoreError))
      // The size of the headers is limited in bytes. Node.js would silently drop headers beyond its maximum number.
      server.maxHeadersCount = 0
      server.keepAliveTimeout = limits.keepAliveTimeout
      server.requestTimeout = limits.requestTimeout
      server.setTimeout(limits.connectionTimeout)
      server.on('checkExpectation', ({ socket, method }) =>
        refuse(socket, 'unsupported_expectation', 'an unknown Expect header', method),
      )
      server.on('connect', ({ socket }) => refuse(socket, 'method_not_allowed', 'CONNECT is for proxies'))
      // The pipeline of a connection decides whether a client that half-closed it still gets responses.
      return Object.assign(server, { httpAllowHalfOpen: true })
    },
    clientErrorHandler({ code, message }: ConnectionError, socket) {
      if (!socket.writable) return void socket.destroy()
      refuse(socket, codeOf(code, message), message)
    },
  }
}

/** Ignores an error of a connection: it is followed by `close`, which is handled. */
function ignoreError(): void {}
