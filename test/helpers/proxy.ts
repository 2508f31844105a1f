import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** A proxy to a database that can be closed and stalled, as when the server fails or hangs. */
export interface DatabaseProxy {
  url: string
  /** Number of connections that have been made. */
  readonly connections: number
  /** Forwards to another server from now on. */
  leadTo(url: string): void
  /** Keeps all connections and refuses new ones until it is opened again. */
  refuse(): void
  /** Closes all connections and refuses new ones until it is opened again. */
  cut(): void
  /** Keeps all connections but forwards nothing until it is opened again. */
  stall(): void
  open(): void
  close(): Promise<void>
}

/** Starts a proxy to the database at `url`. It ends with the test. */
export async function startProxy(t: Test, url: string): Promise<DatabaseProxy> {
  let target = new URL(url)
  let state: 'open' | 'refusing' | 'stalled' = 'open'
  const pairs = new Set<[near: Socket, far: Socket]>()
  let connections = 0
  const server = createServer((near) => {
    connections += 1
    near.on('error', () => {})
    if (state === 'refusing') return near.destroy()
    const far = connect(Number(target.port), target.hostname)
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    for (const [socket, other] of [pair, [far, near] as const])
      socket
        .on('error', () => {})
        .on('close', () => {
          other.destroy()
          pairs.delete(pair)
        })
    if (state === 'open') join(pair)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = new URL(url)
  address.port = String((server.address() as AddressInfo).port)

  function join([near, far]: [Socket, Socket]): void {
    near.pipe(far)
    far.pipe(near)
  }

  function refuse(): void {
    state = 'refusing'
  }

  function cut(): void {
    refuse()
    for (const pair of pairs) for (const socket of pair) socket.destroy()
  }

  async function close(): Promise<void> {
    server.close()
    cut()
  }
  t.teardown(close)
  return {
    url: address.href,
    get connections() {
      return connections
    },
    leadTo(next) {
      target = new URL(next)
    },
    refuse,
    cut,
    stall() {
      state = 'stalled'
      for (const [near, far] of pairs) {
        near.unpipe(far)
        far.unpipe(near)
      }
    },
    open() {
      state = 'open'
      for (const pair of pairs) join(pair)
    },
    close,
  }
}
