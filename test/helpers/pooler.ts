import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import type { Test } from 'tap'

/** The message in which PostgreSQL tells a client which process serves it (BackendKeyData). */
const [keyDataType, keyDataBytes] = ['K', 12]

/** Leads to the database at `url` and, as poolers do, says that another process serves the client than does. */
export async function startPooler(t: Test, url: string): Promise<string> {
  const target = new URL(url)
  const server = createServer((near) => {
    const far = connect(Number(target.port), target.hostname)
    near.pipe(far)
    far.on('data', (data) => near.write(changeProcessId(data)))
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

function changeProcessId(data: Buffer): Buffer {
  for (let at = 0; at + 5 <= data.length; at += 1 + data.readUInt32BE(at + 1)) {
    if (String.fromCharCode(data[at] ?? 0) !== keyDataType) continue
    if (data.readUInt32BE(at + 1) === keyDataBytes) data.writeUInt32BE(1, at + 5)
    break
  }
  return data
}
