import { EventEmitter, once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import fastify from 'fastify'
import t, { type Test } from 'tap'
import { orderedServerOptions } from '../../../src/http/server/server-options.js'
import { createMetrics } from '../../../src/metrics/index.js'
import { logIn, startApp } from '../../helpers/app.js'
import { as } from '../../helpers/client.js'
import { until } from '../../helpers/wait.js'
import { openWire, readAnswers, sendWire } from '../../helpers/wire.js'

const host = 'Host: x\r\n'
const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\n${host}${headers}\r\n`
const last = get('/livez', 'Connection: close\r\n')
const form = `${host}Content-Type: application/x-www-form-urlencoded\r\n`

async function listen(t: Test, settings: Record<string, string> = {}) {
  const app = await startApp(t, settings)
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, port: (app.server.address() as AddressInfo).port }
}

async function statusesOf(port: number, text: string): Promise<number[]> {
  return (await sendWire(port, text)).map(({ status }) => status)
}

t.test('a malformed message gets its response after those to earlier requests', async (t) => {
  const { app, port } = await listen(t)
  const authorization = `Authorization: Bearer ${await logIn(app, 'johndoe', 'secret')}\r\n`
  const post = (path: string, type: string, body: string) =>
    `POST ${path} HTTP/1.1\r\n${host}${authorization}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  const badChunk = (path: string) =>
    `POST ${path} HTTP/1.1\r\n${form}Transfer-Encoding: chunked\r\n\r\nZZ\r\n`
  for (const [name, text, statuses] of [
    ['requests', get('/livez') + get('/nowhere') + get('/users/me') + last, [200, 404, 307, 200]],
    ['garbage', `${get('/livez')}BAD\x01\r\n\r\n`, [200, 405]],
    [
      'garbage after several requests',
      `${get('/livez')}${get('/nowhere')}${get('/livez')}BAD\x01\r\n\r\n`,
      [200, 404, 200, 405],
    ],
    [
      'garbage after a change',
      `${post('/users/me/items/', 'application/json', '{"title":"one"}')}BAD\x01\r\n\r\n`,
      [201, 405],
    ],
    [
      'garbage after a login',
      `${post('/token', 'application/x-www-form-urlencoded', 'username=johndoe&password=secret')}x\r\n\r\n`,
      [200, 405],
    ],
    ['a header without a colon', `${get('/livez')}GET /livez HTTP/1.1\r\nHost x\r\n\r\n`, [200, 400]],
    [
      'headers that are too long',
      `${get('/livez')}${get('/livez', `A: ${'a'.repeat(20_000)}\r\n`)}`,
      [200, 431],
    ],
    ['a malformed body', badChunk('/token'), [400]],
    ['a malformed body after a request', get('/nowhere') + badChunk('/token'), [404, 400]],
    [
      'a chunk extension that is too long',
      `POST /token HTTP/1.1\r\n${form}Transfer-Encoding: chunked\r\n\r\n1;${'a'.repeat(20_000)}\r\n`,
      [413],
    ],
    ['another method', `${get('/livez')}ANNOUNCE /x RTSP/1.0\r\n\r\n${get('/livez')}`, [200, 405]],
    ['another expectation', `${get('/livez')}${get('/livez', 'Expect: x\r\n')}`, [200, 417]],
    ['a request for a tunnel', `${get('/livez')}CONNECT x:1 HTTP/1.1\r\n${host}\r\n`, [200, 405]],
    ['no Host', `${get('/livez')}GET /livez HTTP/1.1\r\n\r\n${get('/livez')}`, [200, 400]],
  ] as const)
    t.same(await statusesOf(port, text), statuses, name)
  t.equal(await app.database.item.count(), 2, 'and each request was handled once')
})

t.test('a response that has started is not corrupted', async (t) => {
  const { app, port } = await listen(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const description = 'x'.repeat(4_000)
  for (let i = 0; i < 100; i++)
    await as(app, token).put(`/users/me/items/item-${i}`, { title: 'x', description })
  const request = get('/users/me/items/export', `Authorization: Bearer ${token}\r\n`)
  const [whole, error, ...others] = await sendWire(port, `${request}BAD\x01\r\n\r\n`)
  t.equal(whole?.status, 200)
  t.equal(whole?.body.trim().split('\n').length, 101)
  t.equal(error?.status, 405)
  t.equal(others.length, 0)

  const { socket, received } = openWire(
    port,
    `POST /nowhere HTTP/1.1\r\n${form}Transfer-Encoding: chunked\r\n\r\n`,
  )
  const closed = once(socket, 'close')
  await until(() => received().includes('Not Found'))
  socket.write('ZZ\r\n')
  await closed
  t.same(
    readAnswers(received()).map(({ status }) => status),
    [404],
    'and a request gets one response only',
  )

  const connecting = once(app.server, 'connection')
  const late = openWire(port, `POST /nowhere HTTP/1.1\r\n${form}Content-Length: 9\r\n\r\n`)
  const lateClosed = once(late.socket, 'close')
  const [ofServer] = await connecting
  await until(() => late.received().includes('Not Found'))
  // As Node.js does when a request is not received in time.
  const timeout = Object.assign(new Error('Request timeout'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' })
  app.server.emit('clientError', timeout, ofServer)
  await lateClosed
  t.same(
    readAnswers(late.received()).map(({ status }) => status),
    [404],
    'even if its body is late',
  )
})

t.test('a client that half-closes the connection after several requests gets all responses', async (t) => {
  const { port } = await listen(t)
  const { socket, received } = openWire(port)
  socket.end(get('/livez') + get('/nowhere') + get('/livez'))
  await once(socket, 'close')
  t.same(
    readAnswers(received()).map(({ status }) => status),
    [200, 404, 200],
  )
  const incomplete = openWire(port)
  incomplete.socket.end(`${get('/livez')}GET /livez HTTP/1.1\r\nHost`)
  await once(incomplete.socket, 'close')
  t.equal(readAnswers(incomplete.received())[0]?.status, 200)
})

t.test('a client that half-closes the connection after one request is disconnected', async (t) => {
  const app = fastify({ ...orderedServerOptions(createMetrics()) })
  const gate = new EventEmitter()
  app.get('/', async () => once(gate, 'open'))
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const { socket, received } = openWire((app.server.address() as AddressInfo).port)
  socket.end(get('/'))
  await once(socket, 'close')
  t.equal(received(), '')
  gate.emit('open')
})

t.test(
  'a request that is not received in time gets its response after those to earlier requests',
  async (t) => {
    const { app, port } = await listen(t)
    const connected = once(app.server, 'connection')
    const { socket, received } = openWire(port, `${get('/livez')}GET /livez HTTP/1.1\r\n`)
    await until(() => received().includes('ok'))
    const [peer] = (await connected) as [Socket]
    for (const _again of [1, 2])
      app.server.emit(
        'clientError',
        Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }),
        peer,
      )
    await once(socket, 'close')
    const [first, second, ...others] = readAnswers(received())
    t.same([first?.status, second?.status, others.length], [200, 408, 0])
  },
)

t.test(
  'requests of a connection are handled one at a time, and the connection is paused meanwhile',
  async (t) => {
    const app = fastify({ ...orderedServerOptions(createMetrics()) })
    const started: string[] = []
    const gate = new EventEmitter()
    const opened = once(gate, 'open')
    app.get('/now', async () => 'now')
    app.get('/:number', async ({ url }) => {
      started.push(url)
      await opened
      return url
    })
    let parsed = 0
    await app.listen({ host: '127.0.0.1', port: 0 })
    t.teardown(() => app.close())
    app.server.on('request', () => parsed++)
    const count = 50_000
    const requests = Array.from({ length: count }, (_, i) => get(`/${i}`)).join('')
    const { port } = app.server.address() as AddressInfo
    const { socket, received } = openWire(port, requests)
    await until(() => parsed > 0)
    // Other connections are served only once everything readable on this one has been read.
    for (let i = 0; i < 5; i++) await sendWire(port, get('/now', 'Connection: close\r\n'))
    t.same(started, ['/0'])
    t.ok(parsed < count / 5, `${parsed} requests were parsed`)
    gate.emit('open')
    await until(() => received().endsWith(`/${count - 1}`))
    t.equal(started.length, count)
    t.same(
      readAnswers(received()).map(({ body }) => body),
      Array.from({ length: count }, (_, i) => `/${i}`),
    )
    socket.destroy()
  },
)

t.test('an idle connection stays open for as long as it is configured to', async (t) => {
  const { app, port } = await listen(t, { KEEP_ALIVE_SECONDS: '620' })
  t.equal(app.server.keepAliveTimeout, 620_000)
  const { socket, received } = openWire(port, get('/livez'))
  await until(() => readAnswers(received()).length > 0)
  t.match(readAnswers(received())[0]?.headers, { 'keep-alive': 'timeout=620' })
  socket.destroy()
})

t.test('waiting requests of a connection that closes are dropped', async (t) => {
  const app = fastify({ ...orderedServerOptions(createMetrics()) })
  let started = 0
  const gate = new EventEmitter()
  const opened = once(gate, 'open')
  app.get('/', async () => {
    started++
    await opened
    return 'done'
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.teardown(() => app.close())
  const connected = once(app.server, 'connection')
  const { socket } = openWire((app.server.address() as AddressInfo).port, get('/').repeat(10))
  const [peer] = (await connected) as [Socket]
  await until(() => started > 0)
  // The connection is paused while requests wait, so that it does not notice by itself.
  peer.destroy()
  await once(socket, 'close')
  gate.emit('open')
  await app.inject('/')
  t.equal(started, 2)
})
