import { createServer, type IncomingMessage, METHODS, type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyBaseLogger, FastifyHttpOptions } from 'fastify'
import { safeHeaders, servedMethods } from '../headers.js'
import { normalizeAddress } from './client-address.js'
import { createPipelines, type Pipelines } from './pipelines.js'

/** Time limits of a server and its connections (milliseconds). */
interface ServerLimits {
  http: { headersTimeout: number; connectionsCheckingInterval: number }
  connectionTimeout: number
  requestTimeout: number
  keepAliveTimeout: number
}

const statusByCode: Record<string, number> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}

const knownMethods = new Set(METHODS)

const knownVersions = new Set(['1.0', '1.1'])

/** The characters of a host and a port (RFC 3986 §3.2). The header is empty where a target has neither. */
const hostSyntax = /^[\w.~%!$&'()*+,;=:[\]-]*$/

/**
 * Returns the Fastify options for a server that answers the messages of a connection in their order, and malformed ones
 * with the headers and the body of every other error.
 */
export function orderedServerOptions(): Pick<
  FastifyHttpOptions<Server>,
  'serverFactory' | 'clientErrorHandler'
> {
  let pipelines: Pipelines
  let log: FastifyBaseLogger

  function refuse(socket: Socket, status: number, reason: string, method?: string): void {
    const remoteAddress = normalizeAddress(socket.remoteAddress)
    log.debug({ reason, statusCode: status, remoteAddress }, 'message refused')
    pipelines.end(socket, () => writeRefusal(socket, status, method))
  }

  return {
    serverFactory(handle, options) {
      const limits = options as unknown as ServerLimits
      log = options.logger as FastifyBaseLogger
      pipelines = createPipelines(handle)
      const server = createServer({ ...limits.http, requireHostHeader: false }, (request, response) => {
        const refusal = reasonToRefuse(request)
        if (refusal) refuse(request.socket, ...refusal, request.method)
        else {
          boundChunks(request, () => refuse(request.socket, 413, 'a body of tiny chunks', request.method))
          pipelines.add(request, response)
        }
      })
      // Node.js takes its own listener away from a connection that it hands over, and an error without any ends the process.
      server.on('connection', (socket) => socket.on('error', ignoreError))
      // Bytes bound the headers. Node.js drops those after its own maximum silently.
      server.maxHeadersCount = 0
      server.keepAliveTimeout = limits.keepAliveTimeout
      server.requestTimeout = limits.requestTimeout
      server.setTimeout(limits.connectionTimeout)
      server.on('checkExpectation', ({ socket, method }) =>
        refuse(socket, 417, 'an unknown Expect header', method),
      )
      server.on('connect', ({ socket }) => refuse(socket, 405, 'CONNECT is for proxies'))
      // The pipeline of a connection decides whether a client that closes its side still reads.
      return Object.assign(server, { httpAllowHalfOpen: true })
    },
    clientErrorHandler({ code, message }: ConnectionError, socket) {
      if (!socket.writable) return void socket.destroy()
      refuse(socket, statusOf(code, message), message)
    },
  }
}

/** Returns the status that answers a message which Node.js cannot read as a request. */
function statusOf(code: string, message: string): number {
  // Node.js has two codes for this, one of which covers other faults too.
  if (message.includes('Invalid method')) return 405
  return statusByCode[code] ?? 400
}

/** Returns the reason to refuse a request before any route, or undefined. */
function reasonToRefuse(request: IncomingMessage): [status: number, reason: string] | undefined {
  // Node.js parses the methods of RTSP and ICE too, which the router cannot take.
  if (!knownMethods.has(String(request.method))) return [405, `the method ${request.method}`]
  if (!knownVersions.has(request.httpVersion)) return [505, `the version ${request.httpVersion}`]
  if (!isFramed(request)) return [400, 'a Transfer-Encoding in HTTP/1.0']
  if (!hasKnownCoding(request)) return [501, 'an unknown Transfer-Encoding']
  return hasOneHost(request) ? undefined : [400, 'a missing, repeated or malformed Host header']
}

/** Number of chunks that a body may have whatever their size, and bytes that each further one has on average. */
const freeChunks = 1_024
const bytesPerChunk = 16

/** Refuses a body of chunks so tiny that each byte of it costs much. Node.js pushes each chunk that it has decoded. */
function boundChunks(request: IncomingMessage, refuseBody: () => void): void {
  if (request.headers['transfer-encoding'] === undefined) return
  const push = request.push.bind(request)
  let chunks = 0
  let bytes = 0
  request.push = function pushBounded(chunk: Buffer | null) {
    chunks += 1
    bytes += chunk?.length ?? 0
    if (chunks <= freeChunks + bytes / bytesPerChunk) return push(chunk)
    request.socket.pause()
    refuseBody()
    return false
  }
}

/** RFC 9112 §6.1: what a client of HTTP/1.0 means by a coding is not known, nor so where its message ends. */
function isFramed({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion !== '1.0' || headers['transfer-encoding'] === undefined
}

/** RFC 9112 §6.1: one coding, as Node.js decodes no other than the last. */
function hasKnownCoding({ headers: { 'transfer-encoding': coding = 'chunked' } }: IncomingMessage): boolean {
  return coding.toLowerCase() === 'chunked'
}

/** RFC 9112 §3.2: one valid Host header in each request of HTTP/1.1, of which Node.js keeps the first. */
function hasOneHost({ rawHeaders, headers, httpVersion }: IncomingMessage): boolean {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2)
    if (rawHeaders[i]?.length === 4 && rawHeaders[i]?.toLowerCase() === 'host') count++
  return (count === 1 || (count === 0 && httpVersion !== '1.1')) && hostSyntax.test(headers.host ?? '')
}

/** Writes an answer without a response of Node.js, and closes the connection. */
function writeRefusal(socket: Socket, status: number, method?: string): void {
  const body = JSON.stringify({ detail: STATUS_CODES[status] })
  const headers = {
    ...safeHeaders,
    ...(status === 405 && { allow: servedMethods.join(', ') }),
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    date: new Date().toUTCString(),
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines].join('\r\n')
  socket.end(`${head}\r\n\r\n${method === 'HEAD' ? '' : body}`, () => socket.destroy())
}

/** What happens to a connection is told by its closing. */
function ignoreError(): void {}
