import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import plugin from 'fastify-plugin'
import t from 'tap'
import { connectionDraining } from '../../src/http/connection-draining.js'
import { drain, stopListening } from '../../src/lifecycle/drain.js'
import { createMetrics, metricsPlugin } from '../../src/metrics/index.js'
import { startApp } from '../helpers/app.js'
import { until } from '../helpers/wait.js'

/** Stands for the plugin that delays responses. */
const undelayedResponses = plugin(async () => {}, { name: 'batched-responses' })

t.test('existing connections are served, and new ones are refused', async (t) => {
  const app = fastify({ return503OnClosing: false })
  await app.register(metricsPlugin, { metrics: createMetrics() })
  await app.register(undelayedResponses)
  await app.register(connectionDraining)
  app.get('/', async () => 'here')
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const early = connect(port, '127.0.0.1')
  await once(app.server, 'connection')

  // A connection that comes during the wait for a quiet moment prolongs it.
  const late = new Socket()
  app.server.once('newListener', () => process.nextTick(() => app.server.emit('connection', late)))
  await drain(app, 0.01)
  const stopped = stopListening(app.server)
  await until(() => !app.server.listening)
  t.equal(late.listenerCount('close') > 0, true, 'it was accepted')
  late.destroy()
  const [refusal] = await once(connect(port, '127.0.0.1'), 'error')
  t.equal(refusal.code, 'ECONNREFUSED')
  const sent = request({ createConnection: () => early }).end()
  const [response] = await once(sent, 'response')
  t.equal(await text(response), 'here')
  t.equal(response.headers.connection, 'close')
  await stopped
})

t.test('the wait for a quiet moment is bounded when connections come without pause', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  let accepted = 0
  /** Opens one connection in each turn of the event loop, and keeps the turn busy for 0.1 ms. */
  function accept(): void {
    if (!server.listening) return
    const endsAt = performance.now() + 0.1
    while (performance.now() < endsAt);
    server.emit('connection', new Socket())
    accepted += 1
    setImmediate(accept)
  }
  accept()
  await stopListening(server)
  t.equal(server.listening, false)
  t.ok(accepted <= 2_051, `${accepted} in 200 ms and 50 turns`)
})

t.test('without DRAIN_SECONDS responses only close their connections', async (t) => {
  const app = fastify()
  await app.register(metricsPlugin, { metrics: createMetrics() })
  await app.register(undelayedResponses)
  await app.register(connectionDraining)
  app.get('/', async () => 'here')
  t.notOk((await app.inject('/')).headers.connection === 'close')
  await drain(app, 0)
  t.equal((await app.inject('/')).headers.connection, 'close')
})

t.test('a delayed response closes its connection if the drain has begun meanwhile', async (t) => {
  const app = await startApp(t)
  app.changes.sync = async () => {
    await drain(app, 0)
  }
  const body = { email: 'nobody@example.com' }
  const response = await app.inject({ method: 'POST', url: '/account/forgot-password', body })
  t.equal(response.statusCode, 202)
  t.equal(response.headers.connection, 'close')
})
