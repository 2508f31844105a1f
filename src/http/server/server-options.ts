import { createServer, type IncomingMessage, METHODS, type Server, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { ConnectionError, FastifyBaseLogger, FastifyHttpOptions } from 'fastify'
import { catalogue, type ErrorCode } from '../../errors.js'
import { safeHeaders, servedMethods } from '../headers.js'
import { countHeader } from '../raw-headers.js'
import { normalizeAddress } from './client-address.js'
import { createPipelines, type Pipelines } from './pipelines.js'

/** Time limits of a server and its connections (milliseconds). */
interface ServerLimits {
  http: { headersTimeout: number; connectionsCheckingInterval: number }
  connectionTimeout: number
  requestTimeout: number
  keepAliveTimeout: number
}

/** Errors of the catalogue for those of Node.js. */
const codeByError: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

const knownMethods = new Set(METHODS)

const knownVersions = new Set(['1.0', '1.1'])

/** The characters of a host and port (RFC 3986 §3.2). The header is empty if the target has no authority. */
const hostSyntax = /^[\w.~%!$&'()*+,;=:[\]-]*$/

/**
 * Returns the Fastify options for a server that responds to the messages of a connection in order, and to malformed ones
 * with the same headers and body as to any other error.
 */
export function orderedServerOptions(): Pick<
  FastifyHttpOptions<Server>,
  'serverFactory' | 'clientErrorHandler'
> {
  let pipelines: Pipelines
  let log: FastifyBaseLogger

  function refuse(socket: Socket, code: ErrorCode, reason: string, method?: string): void {
    const remoteAddress = normalizeAddress(socket.remoteAddress)
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

/** Returns the error for a message that Node.js cannot parse. */
function codeOf(error: string, message: string): ErrorCode {
  // Node.js has two codes for this, one of which also stands for other errors.
  if (message.includes('Invalid method')) return 'method_not_allowed'
  return codeByError[error] ?? 'malformed_request'
}

interface Refusal {
  code: ErrorCode
  reason: string
}

/** Returns the reason to refuse a request before routing. */
function findRefusal(request: IncomingMessage): Refusal | undefined {
  const { method, httpVersion } = request
  // Node.js also parses the methods of RTSP and ICE, which the router does not support.
  if (!knownMethods.has(String(method))) return { code: 'method_not_allowed', reason: `the method ${method}` }
  if (!knownVersions.has(httpVersion))
    return { code: 'unsupported_http_version', reason: `the version ${httpVersion}` }
  if (!isFramed(request)) return { code: 'malformed_request', reason: 'a Transfer-Encoding in HTTP/1.0' }
  if (!hasKnownCoding(request))
    return { code: 'unsupported_transfer_coding', reason: 'an unknown Transfer-Encoding' }
  if (!hasOneHost(request))
    return { code: 'malformed_request', reason: 'a missing, repeated or malformed Host header' }
  return undefined
}

/** Number of chunks that a body may have regardless of their size. */
const freeChunks = 1_024
/** Minimum average size of further chunks (bytes). */
const bytesPerChunk = 16

/** Refuses a body of many tiny chunks, each of which takes CPU time. Node.js calls `push` for every decoded chunk. */
function limitChunks(request: IncomingMessage, refuseBody: () => void): void {
  if (request.headers['transfer-encoding'] === undefined) return
  const push = request.push.bind(request)
  let chunks = 0
  let bytes = 0
  request.push = function pushLimited(chunk: Buffer | null) {
    chunks += 1
    bytes += chunk?.length ?? 0
    if (chunks <= freeChunks + bytes / bytesPerChunk) return push(chunk)
    request.socket.pause()
    refuseBody()
    return false
  }
}

/** Returns whether the end of a message is known: with HTTP/1.0 the meaning of Transfer-Encoding is not (RFC 9112 §6.1). */
function isFramed({ headers, httpVersion }: IncomingMessage): boolean {
  return httpVersion !== '1.0' || headers['transfer-encoding'] === undefined
}

/** Returns whether `chunked` is the only transfer coding (RFC 9112 §6.1): Node.js decodes no other. */
function hasKnownCoding({ headers: { 'transfer-encoding': coding = 'chunked' } }: IncomingMessage): boolean {
  return coding.toLowerCase() === 'chunked'
}

/** Returns whether a request has one valid Host header, or none before HTTP/1.1 (RFC 9112 §3.2). */
function hasOneHost({ rawHeaders, headers, httpVersion }: IncomingMessage): boolean {
  const count = countHeader(rawHeaders, 'host')
  return (count === 1 || (count === 0 && httpVersion !== '1.1')) && hostSyntax.test(headers.host ?? '')
}

/** Writes a response directly to a socket, and closes the connection. */
function writeRefusal(socket: Socket, code: ErrorCode, method?: string): void {
  const { status, detail } = catalogue[code]
  const body = JSON.stringify({ detail, code })
  const headers = {
    ...safeHeaders,
    ...(status === 405 && { allow: servedMethods.join(', ') }),
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    date: new Date().toUTCString(),
    connection: 'close',
  }
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${fields.join('')}\r\n`
  socket.end(method === 'HEAD' ? head : head + body, () => socket.destroy())
}

/** Ignores an error of a connection: it is followed by `close`, which is handled. */
function ignoreError(): void {}
