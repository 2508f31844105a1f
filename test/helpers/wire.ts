import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A response as received. */
export interface WireAnswer {
  status: number
  headers: Record<string, string>
  body: string
}

/** Opens a connection, sends the text unchanged, and returns the connection and the received text. */
export function openWire(port: number, text = ''): { socket: Socket; received: () => string } {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  let received = ''
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk
  })
  if (text) socket.write(text, 'latin1')
  return { socket, received: () => received }
}

/** Sends the text unchanged and reads until the server closes the connection. */
export async function sendWire(port: number, text: string): Promise<WireAnswer[]> {
  const { socket, received } = openWire(port, text)
  await once(socket, 'close')
  return readAnswers(received())
}

/** Parses consecutive responses. @throws Error if something is not a response */
export function readAnswers(text: string): WireAnswer[] {
  const answers: WireAnswer[] = []
  for (let rest = text; rest; ) {
    const end = rest.indexOf('\r\n\r\n')
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(statusLine)?.[1])
    if (end === -1 || !status) throw new Error(`no answer: ${rest.slice(0, 200)}`)
    const headers = Object.fromEntries(lines.map((line) => line.toLowerCase().split(/: (.*)/s)))
    const [body, length] = readBody(rest.slice(end + 4), headers)
    answers.push({ status, headers, body })
    rest = rest.slice(end + 4 + length)
  }
  return answers
}

function readBody(text: string, headers: Record<string, string>): [body: string, length: number] {
  if (headers['transfer-encoding'] !== 'chunked') {
    const length = Number(headers['content-length'] ?? 0)
    return [text.slice(0, length), length]
  }
  let body = ''
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (Number.isNaN(size)) throw new Error(`no chunk: ${text.slice(at, at + 200)}`)
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
    if (size === 0) return [body, at]
  }
}
