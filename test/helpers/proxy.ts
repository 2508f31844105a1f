import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** A way to a database that can be closed, as when its server goes away. */
export interface DatabaseProxy {
  url: string
  close(): Promise<void>
}

/** Passes connections on to the database at `url`, until it is closed or the test ends. */
export async function startProxy(t: Test, url: string): Promise<DatabaseProxy> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(Number(port), hostname)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => other.destroy())
      socket.pipe(other)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = new URL(url)
  address.port = String((server.address() as AddressInfo).port)

  async function close(): Promise<void> {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  t.teardown(close)
  return { url: address.href, close }
}
