import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import Negotiator from 'negotiator'
import type { Format } from './exposition.js'

/** Maximum number of open connections. Prometheus needs one for each scrape. */
const maxConnections = 32
/** Time for receiving a request (milliseconds). */
const receiveMs = 5_000

const contentTypes = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** Formats by the media types and ranges that ask for them. */
const formats = new Map<string, Format>([
  ['application/openmetrics-text', 'openmetrics'],
  ['text/plain', 'text'],
  ['text/*', 'text'],
  ['*/*', 'text'],
])

const compress = promisify(gzip)

const encodings = ['gzip', 'identity'] as const

type Encoding = (typeof encodings)[number]

/** Returns the body of a response: the metrics in a format, and encoded. */
type ReadBody = (format: Format, encoding: Encoding) => Promise<string | Buffer>

/** The running server of the metrics. */
interface MetricsServer {
  address: AddressInfo
  close(): Promise<void>
}

/**
 * Serves `GET /metrics` and nothing else, on an address of its own. Each connection has one request, and the newest connections
 * take precedence, so that clients that never read or never end do not keep Prometheus out.
 *
 * @param read returns all metrics
 * @throws Error if the address cannot be listened on
 */
export async function serveMetrics(
  { host, port }: { host: string; port: number },
  read: (format: Format) => Promise<string>,
): Promise<MetricsServer> {
  const readShared = shareBodies(async (format, encoding) => {
    const text = await read(format)
    return encoding === 'gzip' ? compress(text) : text
  })
  const served = new WeakSet<Socket>()
  const server = createServer(
    { headersTimeout: receiveMs, requestTimeout: receiveMs },
    (request, response) => {
      // A client that pipelines requests would get an answer to each of them into memory, whether or not it reads any.
      if (served.has(request.socket)) return void request.socket.destroy()
      served.add(request.socket)
      respond(request, response, readShared).catch(() => response.destroy())
    },
  )
  server.on('connection', keepNewest(maxConnections))
  await listen(server, host, port)
  return { address: server.address() as AddressInfo, close: () => close(server) }
}

/** Returns a function that shares a read among all calls during it (single flight), for each format and encoding. */
function shareBodies(read: ReadBody): ReadBody {
  const reading = new Map<string, Promise<string | Buffer>>()
  return function readShared(format, encoding) {
    const key = `${format} ${encoding}`
    const body = reading.get(key) ?? read(format, encoding).finally(() => reading.delete(key))
    reading.set(key, body)
    return body
  }
}

/** Returns a listener that destroys the oldest connections beyond a maximum number. */
function keepNewest(maximum: number): (connection: Socket) => void {
  const connections = new Set<Socket>()
  return function add(connection) {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    for (const oldest of [...connections].slice(0, -maximum)) {
      connections.delete(oldest)
      oldest.destroy()
    }
  }
}

async function respond(request: IncomingMessage, response: ServerResponse, read: ReadBody): Promise<void> {
  const { method, url = '' } = request
  if (url.replace(/\?.*/s, '') !== '/metrics') return end(response, 404)
  if (method !== 'GET' && method !== 'HEAD') return end(response.setHeader('allow', 'GET, HEAD'), 405)
  const accepted = new Negotiator(request)
  const format = chooseFormat(accepted.mediaTypes())
  const encoding = accepted.encoding([...encodings]) === 'gzip' ? 'gzip' : 'identity'
  const body = await read(format, encoding)
  response.setHeader('content-type', contentTypes[format])
  response.setHeader('vary', 'accept, accept-encoding')
  if (encoding === 'gzip') response.setHeader('content-encoding', encoding)
  end(response, 200, body)
}

/** Returns the first accepted format. A client that accepts none gets the text format, as from Prometheus's own clients. */
function chooseFormat(accepted: string[]): Format {
  const asked = accepted.map((type) => formats.get(type)).find((format) => format !== undefined)
  return asked ?? 'text'
}

/** Ends a response and its connection, as scrapes are seconds apart. */
function end(response: ServerResponse, status: number, body: string | Buffer = ''): void {
  response.statusCode = status
  response.setHeader('content-length', Buffer.byteLength(body))
  response.setHeader('cache-control', 'no-store')
  response.setHeader('connection', 'close')
  response.end(body)
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
