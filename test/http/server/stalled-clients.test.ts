import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { stalledClients } from '../../../src/http/server/stalled-clients.js'

const megabyte = 'x'.repeat(1_000_000)

/** Starts a service with an endless response. */
async function startEndless(t: Test, stallTimeoutMs: number) {
  const app = fastify()
  await app.register(stalledClients, { stallTimeoutMs, intervalMs: 20 })
  app.get('/', (_request, reply) => reply.send(Readable.from(endless())))
  app.get('/short', async () => 'short')
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  t.teardown(() => socket.destroy())
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const [peer] = (await once(app.server, 'connection')) as [typeof socket]
  return { socket, peer, origin: `http://127.0.0.1:${port}` }
}

function* endless() {
  for (;;) yield megabyte
}

t.test('a client that does not read its response is disconnected, while others are served', async (t) => {
  const { peer, origin } = await startEndless(t, 200)
  await once(peer, 'close')
  t.equal(await (await fetch(`${origin}/short`)).text(), 'short')
})

t.test('a client that reads its response keeps its connection, and so does an idle one', async (t) => {
  const { socket, peer, origin } = await startEndless(t, 200)
  const idle = connect(Number(new URL(origin).port), '127.0.0.1')
  t.teardown(() => idle.destroy())
  await once(idle, 'connect')
  let read = 0
  const beganAt = performance.now()
  for await (const chunk of socket) {
    read += (chunk as Buffer).length
    if (performance.now() - beganAt > 600) break
  }
  t.ok(read > megabyte.length)
  t.notOk(peer.errored)
  t.equal(idle.readyState, 'open')
})
