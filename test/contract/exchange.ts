import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { parseResponse, type RawResponse } from './response.js'

/** A request as it goes over the wire; nothing in it is normalised. */
export interface RawRequest {
  method: string
  target: string
  headers: [name: string, value: string][]
  body: Buffer | undefined
  chunked: boolean
}

const TIME_LIMIT_MS = 10_000
const WRITE_SIZE = 65_536
const SMALLEST_CHUNK = 5
const MOST_CHUNKS = 200

/** Sends a request on a connection of its own and reads the whole answer, within 10 seconds. */
export function exchange(address: { host: string; port: number }, request: RawRequest): Promise<RawResponse> {
  const pieces = encodeRequest(`${address.host}:${address.port}`, request)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: address.host, port: address.port, noDelay: true })
    const received: Buffer[] = []
    const timer = setTimeout(
      () => fail(new Error(`no complete answer within 10 s, only ${Buffer.concat(received).length} bytes`)),
      TIME_LIMIT_MS,
    )
    socket.on('connect', () => void send(socket, pieces, () => received.length > 0))
    socket.on('data', (bytes) => {
      received.push(bytes)
      settle(false)
    })
    socket.on('end', () => settle(true))
    socket.on('error', fail)

    function settle(ended: boolean): void {
      try {
        const response = parseResponse(Buffer.concat(received), request.method, ended)
        if (response === undefined) return
        close()
        resolve(response)
      } catch (error) {
        fail(error)
      }
    }

    function fail(error: unknown): void {
      close()
      reject(error)
    }

    function close(): void {
      clearTimeout(timer)
      socket.destroy()
    }
  })
}

// A server may answer and hang up before it has read everything. Writing on would lose that answer to a reset
// connection, so every write gives the answer time to arrive and the first byte of it ends the sending.
async function send(socket: Socket, pieces: Buffer[], isAnswered: () => boolean): Promise<void> {
  for (const piece of pieces) {
    if (isAnswered() || socket.destroyed) return
    await new Promise<void>((resolve) => socket.write(piece, () => resolve()))
    await pause(1)
  }
}

function encodeRequest(host: string, request: RawRequest): Buffer[] {
  const given = new Set(request.headers.map(([name]) => name.toLowerCase()))
  const isNew = ([name]: [string, string]) => !given.has(name.toLowerCase())
  const before: [string, string][] = [['Host', host]]
  const after: [string, string][] = [...framing(request), ['Connection', 'close']]
  const lines = [...before.filter(isNew), ...request.headers, ...after.filter(isNew)]
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  const head = latin1(`${request.method} ${request.target} HTTP/1.1\r\n${lines}\r\n`)
  const body = request.body ?? Buffer.alloc(0)
  return request.chunked ? [head, ...encodeChunks(body)] : split(Buffer.concat([head, body]), WRITE_SIZE)
}

function framing(request: RawRequest): [string, string][] {
  if (request.chunked) return [['Transfer-Encoding', 'chunked']]
  return request.body === undefined ? [] : [['Content-Length', String(request.body.length)]]
}

function encodeChunks(body: Buffer): Buffer[] {
  const size = Math.max(SMALLEST_CHUNK, Math.ceil(body.length / MOST_CHUNKS))
  const chunks = split(body, size).map((chunk) =>
    Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]),
  )
  return [...chunks, Buffer.from('0\r\n\r\n')]
}

function split(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size)
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size))
}

function latin1(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  if (bytes.toString('latin1') !== text) throw new Error('the request line and headers must be Latin-1')
  return bytes
}
