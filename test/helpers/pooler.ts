import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Test } from 'tap'

/** A message of PostgreSQL to its client: one letter for its type, then its length without that letter, then the rest. */
interface Message {
  type: string
  bytes: Buffer
}

/** Starts a proxy that, like a pooler, reports another process id than that of the session. */
export function startPooler(t: Test, url: string): Promise<string> {
  return startInterpreter(t, url, ({ type, bytes }) => {
    // BackendKeyData, of a process id and a secret
    if (type === 'K' && bytes.length === 13) bytes.writeUInt32BE(1, 5)
    return bytes
  })
}

/** Starts a server that refuses settings of its clients, as PgBouncer does. */
export function startStrictPooler(t: Test, url: string): Promise<string> {
  return startRefuser(t, url, '08P01', 'unsupported startup parameter: options')
}

/** Starts a proxy that drops all notifications. */
export function startNotificationDropper(t: Test, url: string): Promise<string> {
  return startInterpreter(t, url, ({ type, bytes }) => (type === 'A' ? Buffer.alloc(0) : bytes))
}

/** Starts a proxy that passes on `count` notifications, and replaces all later ones by the first. */
export function startNotificationReplayer(t: Test, url: string, count: number): Promise<string> {
  const passed: Buffer[] = []
  return startInterpreter(t, url, ({ type, bytes }) => {
    if (type !== 'A') return bytes
    if (passed.length === count) return passed[0] as Buffer
    passed.push(Buffer.from(bytes))
    return bytes
  })
}

/**
 * Starts a proxy that reports other values of settings when a connection starts, as another server would, or none.
 *
 * @param reports is read for each message, so that a test can change it
 */
export function startReporter(t: Test, url: string, reports: Record<string, string | null>): Promise<string> {
  return startInterpreter(t, url, ({ type, bytes }) => {
    if (type !== 'S') return bytes
    const [name = ''] = bytes.toString('latin1', 5).split('\0')
    const value = reports[name]
    if (value === undefined) return bytes
    return value === null ? Buffer.alloc(0) : toMessage('S', `${name}\0${value}\0`)
  })
}

/** Starts a proxy that replaces the rows of the server by messages that nobody can read. */
export function startGarbler(t: Test, url: string): Promise<string> {
  return startInterpreter(t, url, ({ type, bytes }) => (type === 'D' ? kerberosRequest : bytes))
}

/** Starts a proxy that makes the server look like one of another cluster, by the first digit of its identifier. */
export function startImpostor(t: Test, url: string): Promise<string> {
  return startInterpreter(t, url, ({ type, bytes }) => {
    const at = bytes.toString('latin1').search(/\d{16,}\//)
    if (type === 'D' && at !== -1) bytes.fill('9', at, at + 1)
    return bytes
  })
}

/** Starts a server that answers the first message of each client with an error. */
export function startRefuser(t: Test, url: string, code: string, message: string): Promise<string> {
  return startAnswerer(t, url, toMessage('E', `${['SFATAL', `C${code}`, `M${message}`, ''].join('\0')}\0`))
}

const kerberosRequest = toMessage('R', '\0\0\0\x07')

/** Starts a server that requests to be authenticated by Kerberos. */
export function startKerberosServer(t: Test, url: string): Promise<string> {
  return startAnswerer(t, url, kerberosRequest)
}

/** Starts a server that answers the first message of each client, and ends the connection. */
async function startAnswerer(t: Test, url: string, answer: Buffer): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end(answer))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = new URL(url)
  address.port = String((server.address() as AddressInfo).port)
  return address.href
}

/** Starts a proxy that replaces error messages, as a server in another language would. */
export function startErrorTranslator(t: Test, url: string): Promise<string> {
  return startInterpreter(t, url, ({ type, bytes }) => {
    if (type === 'E')
      for (let at = 5; bytes[at] !== 0; ) {
        const end = bytes.indexOf(0, at)
        if ('MSV'.includes(String.fromCharCode(bytes[at] ?? 0))) bytes.fill('x', at + 1, end)
        at = end + 1
      }
    return bytes
  })
}

/** Starts a proxy that replaces each message of the server by the result of `interpret`. Messages arrive whole, as they are short. */
async function startInterpreter(
  t: Test,
  url: string,
  interpret: (message: Message) => Buffer,
): Promise<string> {
  const target = new URL(url)
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    near.pipe(far)
    far.on('data', (data) => near.write(Buffer.concat(split(data).map(interpret))))
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const)
      socket.on('error', () => {}).on('close', () => other.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = new URL(url)
  address.port = String((server.address() as AddressInfo).port)
  return address.href
}

function toMessage(type: string, text: string): Buffer {
  const body = Buffer.from(text)
  const head = Buffer.alloc(5, type)
  head.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

function split(data: Buffer): Message[] {
  const messages: Message[] = []
  for (let at = 0; at < data.length; ) {
    const end = at + 5 <= data.length ? at + 1 + data.readUInt32BE(at + 1) : data.length
    messages.push({ type: String.fromCharCode(data[at] ?? 0), bytes: data.subarray(at, end) })
    at = end
  }
  return messages
}
