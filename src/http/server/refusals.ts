import { type IncomingMessage, METHODS, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { catalogue } from '../../errors.js'
import type { refusedMessages } from '../../metrics/catalogue/http.js'
import { safeHeaders, servedMethods } from '../headers.js'
import { countHeader } from '../raw-headers.js'

const knownMethods = new Set(METHODS)

const knownVersions = new Set(['1.0', '1.1'])

/** The characters of a host and port (RFC 3986 §3.2). The header is empty if the target has no authority. */
const hostSyntax = /^[\w.~%!$&'()*+,;=:[\]-]*$/

/** Code of the error for a message that is refused. */
export type RefusalCode = (typeof refusedMessages)[number]

/** Why a message is refused. */
interface Refusal {
  code: RefusalCode
  reason: string
}

/** Returns the reason to refuse a request before routing. */
export function findRefusal(request: IncomingMessage): Refusal | undefined {
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

/** Errors of the catalogue for those of Node.js. */
const codeByError: Record<string, RefusalCode> = {
  HPE_HEADER_OVERFLOW: 'header_too_large',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'body_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

/** Returns the error for a message that Node.js cannot parse. */
export function codeOf(error: string, message: string): RefusalCode {
  // Node.js has two codes for this, one of which also stands for other errors.
  if (message.includes('Invalid method')) return 'method_not_allowed'
  return codeByError[error] ?? 'malformed_request'
}

/** Number of chunks that a body may have regardless of their size. */
const freeChunks = 1_024
/** Minimum average size of further chunks (bytes). */
const bytesPerChunk = 16

/** Refuses a body of many tiny chunks, each of which takes CPU time. Node.js calls `push` for every decoded chunk. */
export function limitChunks(request: IncomingMessage, refuseBody: () => void): void {
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

/** Writes a response directly to a socket, and closes the connection. */
export function writeRefusal(socket: Socket, code: RefusalCode, method?: string): void {
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
