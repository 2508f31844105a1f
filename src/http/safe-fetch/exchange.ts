import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { annotate, type SpanDescription, traced, traceHeaders } from '../../tracing/span.js'
import type { CheckedHost } from './checked-host.js'
import { hostOf } from './request-url.js'

/** Maximum size of a response body (bytes). */
const maxBytes = 65_536

/** A request; with a body it is sent by POST, without one by GET. */
export interface OutgoingRequest {
  headers: Record<string, string>
  body?: string
}

/**
 * Sends a request, and returns what `read` makes of its response, which is then destroyed. Each request has a connection of its
 * own, whose certificate must be that of the host's name. Redirects are responses like any other.
 */
export async function exchange<T>(
  url: URL,
  request: OutgoingRequest,
  host: CheckedHost,
  read: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  const method = request.body === undefined ? 'GET' : 'POST'
  return traced(
    () => describe(method, url),
    () => send(method, url, request, host, read),
  )
}

async function send<T>(
  method: string,
  url: URL,
  { headers, body }: OutgoingRequest,
  { addresses, ca, signal }: CheckedHost,
  read: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  const { Agent, request } = url.protocol === 'https:' ? https : http
  const agent = new Agent({
    autoSelectFamily: true,
    lookup: (_hostname, _options, callback) => callback(null, addresses),
    ...(ca !== null && { ca }),
  })
  const sentHeaders = { ...headers, 'user-agent': 'latchkey', ...traceHeaders() }
  const sent = request(url, { agent, method, headers: sentHeaders, signal })
  sent.end(body)
  const response = await responseTo(sent)
  annotate({ 'http.response.status_code': response.statusCode })
  try {
    return await read(response)
  } finally {
    sent.destroy()
  }
}

/** Returns the span of a request, by OpenTelemetry's semantic conventions for HTTP, but without the path, which may be a secret. */
function describe(method: string, url: URL): SpanDescription {
  const defaultPort = url.protocol === 'https:' ? 443 : 80
  return {
    name: method,
    kind: 'client',
    attributes: {
      'http.request.method': method,
      'server.address': hostOf(url),
      'server.port': Number(url.port || defaultPort),
    },
  }
}

/** Returns the response to a request. One that upgrades the connection to another protocol is refused. */
function responseTo(sent: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    sent.once('response', resolve)
    sent.once('error', reject)
    sent.once('upgrade', (_response, socket) => {
      socket.destroy()
      reject(new Error('the response has the status 101'))
    })
  })
}

/** Returns the body of a response. @throws Error if it is too large */
export async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxBytes) throw new Error(`the response is larger than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
