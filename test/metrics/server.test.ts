import { createHook } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gunzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import type { Format } from '../../src/metrics/exposition.js'
import { serveMetrics } from '../../src/metrics/server.js'
import { until } from '../helpers/wait.js'

/** Serves the name of the format instead of metrics. */
async function start(t: Test, read = async (format: Format): Promise<string> => format) {
  const server = await serveMetrics({ host: '127.0.0.1', port: 0 }, read)
  t.teardown(server.close)
  return { ...server, url: `http://127.0.0.1:${server.address.port}/metrics` }
}

t.test('the format is negotiated', async (t) => {
  const { url } = await start(t)
  const openMetrics = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
  const text = 'text/plain; version=0.0.4; charset=utf-8'
  for (const [accept, contentType] of [
    // Prometheus 2.42 and 3.
    [
      'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
      openMetrics,
    ],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
      openMetrics,
    ],
    ['text/plain;version=0.0.4', text],
    ['text/*', text],
    ['*/*', text],
    ['application/openmetrics-text;q=0,text/plain', text],
    ['application/json', text],
    ['text/html,application/openmetrics-text;q=0.1', openMetrics],
    ['', text],
  ] as const) {
    const response = await fetch(url, { headers: { accept } })
    t.equal(response.headers.get('content-type'), contentType, accept)
    t.equal(await response.text(), contentType === text ? 'text' : 'openmetrics')
    t.equal(response.headers.get('cache-control'), 'no-store')
  }
})

t.test('the response is compressed if the client asks for it', async (t) => {
  const { address } = await start(t, async () => 'x'.repeat(10_000))
  const ask = async (encoding: string) => {
    const socket = connect(address.port, address.address)
    socket.write(
      `GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept-Encoding: ${encoding}\r\n\r\n`,
    )
    const received = Buffer.concat(await socket.toArray())
    const end = received.indexOf('\r\n\r\n')
    return { head: received.subarray(0, end).toString(), body: received.subarray(end + 4) }
  }
  const compressed = await ask('gzip')
  t.match(compressed.head, 'content-encoding: gzip')
  t.match(compressed.head, 'vary: accept, accept-encoding')
  t.equal(gunzipSync(compressed.body).length, 10_000)
  const plain = await ask('identity')
  t.notMatch(plain.head, 'content-encoding')
  t.equal(plain.body.length, 10_000)
})

t.test('nothing but GET /metrics is served', async (t) => {
  const { url } = await start(t)
  for (const path of ['/', '/metrics/', '/metrics/x', '//metrics', '/Metrics', '/readyz'])
    t.equal((await fetch(new URL(url).origin + path)).status, 404, path)
  const head = await fetch(url, { method: 'HEAD', headers: { 'accept-encoding': 'identity' } })
  t.same([head.status, head.headers.get('content-length')], [200, '4'])
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const response = await fetch(url, { method })
    t.same([response.status, response.headers.get('allow')], [405, 'GET, HEAD'], method)
  }
})

t.test('a connection has one request: one that pipelines them gets no more than one response', async (t) => {
  const { address } = await start(t)
  const send = async (requests: string) => {
    const socket = connect(address.port, address.address)
    socket.write(requests)
    return Buffer.concat(await socket.toArray().catch(() => [])).toString()
  }
  for (const request of [
    'GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /metrics HTTP/1.0\r\nConnection: keep-alive\r\n\r\n',
    'GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n',
  ]) {
    t.match(await send(request), '\r\nconnection: close\r\n', request)
    t.ok((await send(request.repeat(1_000))).split('HTTP/1.1 ').length <= 2)
  }
})

t.test('connections that stay open keep no scrape out', async (t) => {
  const { url, address } = await start(t)
  const [oldest] = await Promise.all(
    Array.from({ length: 32 }, async () => {
      const socket = connect(address.port, address.address)
      t.teardown(() => socket.destroy())
      await once(socket, 'connect')
      return socket
    }),
  )
  const closed = once(oldest as Socket, 'close')
  t.equal((await fetch(url)).status, 200)
  await closed
})

t.test('compressed responses at the same time share one compression', async (t) => {
  let compressions = 0
  const count = (_id: number, type: string) => {
    if (type === 'ZLIB') compressions += 1
  }
  const hook = createHook({ init: count }).enable()
  t.teardown(() => hook.disable())
  let requests = 0
  const note = () => {
    requests += 1
  }
  subscribe('http.server.request.start', note)
  t.teardown(() => unsubscribe('http.server.request.start', note))
  const { address } = await start(t, async (format) => {
    await until(() => requests === 8)
    return format
  })
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      const socket = connect(address.port, address.address)
      socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n')
      const received = Buffer.concat(await socket.toArray())
      t.equal(gunzipSync(received.subarray(received.indexOf('\r\n\r\n') + 4)).toString(), 'text')
    }),
  )
  t.equal(compressions - 8, 1, 'beside the eight of the test')
})

t.test('requests at the same time share one reading of each format', async (t) => {
  const formats: Format[] = []
  let finish = () => {}
  const gate = new Promise<void>((resolve) => {
    finish = resolve
  })
  const { url } = await start(t, async (format) => {
    formats.push(format)
    if (formats.length === 2) finish()
    await gate
    return format
  })
  const accepts = ['text/plain', 'text/plain', 'text/plain', 'application/openmetrics-text']
  await Promise.all(accepts.map(async (accept) => (await fetch(url, { headers: { accept } })).text()))
  t.same([...new Set(formats)].sort(), ['openmetrics', 'text'])
  t.ok(formats.length < accepts.length)
})

t.test('a reading that fails ends the connection, and the next one is served', async (t) => {
  let failures = 1
  const { url } = await start(t, async (format) => {
    if (failures-- > 0) throw new Error('no luck')
    return format
  })
  await t.rejects(fetch(url))
  t.equal((await fetch(url)).status, 200)
})

t.test('a port that is taken is an error', async (t) => {
  const { address } = await start(t)
  await t.rejects(
    serveMetrics({ host: '127.0.0.1', port: address.port }, async () => ''),
    { code: 'EADDRINUSE' },
  )
})

t.test('closing ends open connections', async (t) => {
  const { address, close } = await start(t)
  const socket = connect(address.port, address.address)
  await once(socket, 'connect')
  socket.write('GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n')
  await once(socket, 'data')
  await Promise.all([once(socket, 'close'), close()])
})
