import { once } from 'node:events'
import { request } from 'node:http'
import { type AddressInfo, connect, createServer, Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import fastify from 'fastify'
import plugin from 'fastify-plugin'
import t from 'tap'
import { connectionDraining } from '../../src/http/connection-draining.js'
import { drain, stopListening } from '../../src/lifecycle/drain.js'
import { startApp } from '../helpers/app.js'
import { until } from '../helpers/wait.js'

/** Stands for the plugin that delays responses. */
const undelayedResponses = plugin(async () => {}, { name: 'batched-responses' })

t.test('who has connected before the end is answered, and nobody can connect after it', async (t) => {
  const app = fastify({ return503OnClosing: false })
  await app.register(undelayedResponses)
  await app.register(connectionDraining)
  app.get('/', async () => 'here')
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { port } = app.server.address() as AddressInfo
  const early = connect(port, '127.0.0.1')
  await once(app.server, 'connection')

  // A connection that is taken while it waits for a quiet moment makes it wait for another one.
  const late = new Socket()
  app.server.once('newListener', () => process.nextTick(() => app.server.emit('connection', late)))
  await drain(app, 0.01)
  const stopped = stopListening(app.server)
  await until(() => !app.server.listening)
  t.equal(late.listenerCount('close') > 0, true, 'it was taken')
  late.destroy()
  const [refusal] = await once(connect(port, '127.0.0.1'), 'error')
  t.equal(refusal.code, 'ECONNREFUSED')
  const sent = request({ createConnection: () => early }).end()
  const [response] = await once(sent, 'response')
  t.equal(await text(response), 'here')
  t.equal(response.headers.connection, 'close')
  await stopped
})

t.test('where connections come without pause, the wait for a moment without any is bounded', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  let taken = 0
  /** One connection a turn, each of which takes more than 0.1 ms. */
  function take(): void {
    if (!server.listening) return
    const endsAt = performance.now() + 0.1
    while (performance.now() < endsAt);
    server.emit('connection', new Socket())
    taken += 1
    setImmediate(take)
  }
  take()
  await stopListening(server)
  t.equal(server.listening, false)
  t.ok(taken <= 2_051, `${taken} in 200 ms and 50 turns`)
})

t.test('without a time to drain it only lets go of connections', async (t) => {
  const app = fastify()
  await app.register(undelayedResponses)
  await app.register(connectionDraining)
  app.get('/', async () => 'here')
  t.notOk((await app.inject('/')).headers.connection === 'close')
  await drain(app, 0)
  t.equal((await app.inject('/')).headers.connection, 'close')
})

t.test('an answer that has waited says what is so when it leaves', async (t) => {
  const app = await startApp(t)
  app.changes.sync = async () => {
    await drain(app, 0)
  }
  const body = { email: 'nobody@example.com' }
  const response = await app.inject({ method: 'POST', url: '/account/forgot-password', body })
  t.equal(response.statusCode, 202)
  t.equal(response.headers.connection, 'close')
})
