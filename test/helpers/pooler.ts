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

/** Starts a proxy that refuses settings of its clients, as PgBouncer does. */
export async function startStrictPooler(t: Test, url: string): Promise<string> {
  const fields = ['SFATAL', 'C08P01', 'Munsupported startup parameter: options', '']
  const body = Buffer.from(`${fields.join('\0')}\0`)
  const head = Buffer.alloc(5, 'E')
  head.writeUInt32BE(4 + body.length, 1)
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end(Buffer.concat([head, body])))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = new URL(url)
  address.port = String((server.address() as AddressInfo).port)
  return address.href
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

function split(data: Buffer): Message[] {
  const messages: Message[] = []
  for (let at = 0; at < data.length; ) {
    const end = at + 5 <= data.length ? at + 1 + data.readUInt32BE(at + 1) : data.length
    messages.push({ type: String.fromCharCode(data[at] ?? 0), bytes: data.subarray(at, end) })
    at = end
  }
  return messages
}
