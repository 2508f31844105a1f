import t from 'tap'
import { logIn } from '../helpers/app.js'
import { beginTrace, pathTo, startTracedApp } from '../helpers/tracing.js'
import { until } from '../helpers/wait.js'
import { openWire } from '../helpers/wire.js'

const login = { method: 'POST', body: new URLSearchParams({ username: 'johndoe', password: 'secret' }) }

t.test('a login and a read are exported, each with its work beneath it', async (t) => {
  const { collector, origin, finish } = await startTracedApp(t, {
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20key-of-the-collector',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=staging, k8s.pod.name = latchkey-0',
    OTEL_SERVICE_NAME: 'latchkey-staging',
  })
  const { access_token } = (await (await fetch(`${origin}/token`, login)).json()) as { access_token: string }
  const headers = { authorization: `Bearer ${access_token}` }
  await (await fetch(`${origin}/users/me/items/?limit=1`, { headers })).text()
  await (await fetch(`${origin}/users/johndoe/items/Foo`, { headers })).text()
  const spans = await finish()

  t.match(collector.headers, { authorization: 'Bearer key-of-the-collector' })
  t.match(collector.resource, {
    'service.name': 'latchkey-staging',
    'service.version': /^\d/,
    'service.instance.id': /^[\da-f-]{36}$/,
    'deployment.environment.name': 'staging',
    'k8s.pod.name': 'latchkey-0',
    'telemetry.sdk.language': 'nodejs',
  })
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === '')
  t.match(roots, [
    {
      name: 'POST /token',
      kind: 2,
      status: 0,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/token',
        'url.path': '/token',
        'url.scheme': 'http',
        'network.protocol.version': '1.1',
        'http.response.status_code': 200,
      },
    },
    { name: 'GET /users/me/items/', attributes: { 'http.response.status_code': 200 } },
    { name: 'GET /users/:username/items/:item_id', attributes: { 'http.response.status_code': 200 } },
  ])
  t.notOk('url.path' in (roots[2]?.attributes ?? {}), 'a path with parameters is not exported')
  t.equal(new Set(roots.map(({ traceId }) => traceId)).size, 3)
  const paths = spans.map((span) => pathTo(span, spans).join(' > '))
  for (const path of [
    'POST /token > SELECT clients',
    'POST /token > verify password',
    'POST /token > INSERT token_families',
    'POST /token > sign token',
    'GET /users/me/items/ > read pages > SELECT items',
    'GET /users/:username/items/:item_id > SELECT items',
  ])
    t.ok(paths.includes(path), path)
  for (const span of spans) {
    t.equal(span.traceId, roots.find(({ name }) => pathTo(span, spans)[0] === name)?.traceId, span.name)
    t.ok(span.durationNs >= 0n)
  }
  t.match(spans.find(({ name }) => name === 'INSERT token_families')?.attributes, {
    'db.system.name': 'postgresql',
    'db.operation.name': 'INSERT',
    'db.collection.name': 'token_families',
    'db.query.summary': 'INSERT token_families',
  })
})

t.test("the trace of a caller is continued, as the caller's decision whether to record it is", async (t) => {
  const { origin, finish } = await startTracedApp(t)
  const [recorded, unrecorded, later] = [beginTrace(), beginTrace('00'), beginTrace('03')]
  await fetch(`${origin}/jwks.json`, { headers: { ...recorded.headers, tracestate: 'a=1, b@c=2' } })
  await fetch(`${origin}/jwks.json`, unrecorded)
  const { traceparent } = later.headers
  await fetch(`${origin}/jwks.json`, { headers: { traceparent: `cc${traceparent.slice(2)}-what-will-be` } })
  const spans = await finish()
  t.match(spans, [
    { traceId: recorded.traceId, parentSpanId: recorded.spanId, traceState: 'a=1,b@c=2' },
    { traceId: later.traceId, parentSpanId: later.spanId },
  ])
  t.equal(spans.length, 2)
})

t.test('the scheme of a request is that which a trusted proxy reports', async (t) => {
  const { app, finish } = await startTracedApp(t, { TRUST_PROXY: '10.0.0.1' })
  for (const [remoteAddress, scheme] of [
    ['10.0.0.1', 'https'],
    ['10.0.0.1', 'http'],
    ['10.0.0.1', 'secret'],
    ['10.0.0.2', 'https'],
  ] as const)
    await app.inject({ url: '/jwks.json', remoteAddress, headers: { 'x-forwarded-proto': scheme } })
  const schemes = (await finish()).map(({ attributes }) => attributes['url.scheme'])
  t.strictSame(schemes, ['https', 'http', 'http', 'http'])
})

t.test('a malformed trace context is ignored, whatever its size', async (t) => {
  const { origin, finish } = await startTracedApp(t)
  const { headers, traceId } = beginTrace()
  const { traceparent } = headers
  const malformed = [
    'x',
    traceparent.toUpperCase(),
    traceparent.replace('00-', 'ff-'),
    `${traceparent}-more`,
    `${traceparent}, ${traceparent}`,
    traceparent.replace(traceId, '0'.repeat(32)),
    `00-${traceId}-${'0'.repeat(16)}-01`,
    traceparent.slice(0, -1),
    `00-${'a'.repeat(8_000)}`,
    '-'.repeat(8_000),
  ]
  for (const value of malformed)
    t.equal((await fetch(`${origin}/livez2`, { headers: { traceparent: value } })).status, 404)
  for (const tracestate of ['=', 'a=1,'.repeat(2_000), `a=${'x'.repeat(8_000)}`, 'A=1', 'ä=1', ','])
    await fetch(`${origin}/livez2`, { headers: { traceparent, tracestate } })
  const spans = await finish()
  t.equal(spans.length, malformed.length + 6)
  t.ok(spans.slice(0, malformed.length).every(({ parentSpanId }) => parentSpanId === ''))
  t.notOk(spans.slice(0, malformed.length).some((span) => span.traceId === traceId))
  for (const { traceState } of spans.slice(malformed.length)) t.match(traceState, /^(a=1)?$/)
  t.match(new Set(spans.map(({ name }) => name)), new Set(['GET']), 'a path without a route has no name')
})

t.test('probes are not recorded, refused requests are, and faults are errors', async (t) => {
  const { app, origin, finish } = await startTracedApp(t)
  for (const path of ['/livez', '/readyz', '/users/me/']) await (await fetch(`${origin}${path}`)).text()
  app.passwords.requireCapacity = () => {
    throw new Error('secret words')
  }
  t.equal((await fetch(`${origin}/token`, login)).status, 500)
  const spans = await finish()
  const roots = spans.filter(({ parentSpanId }) => parentSpanId === '')
  t.match(roots, [
    { name: 'GET /users/me/', status: 0, attributes: { 'http.response.status_code': 401 } },
    {
      name: 'POST /token',
      status: 2,
      attributes: { 'http.response.status_code': 500, 'error.type': '500' },
    },
  ])
  t.equal(roots.length, 2)
})

t.test('a request whose client disconnects has no status', async (t) => {
  const { app, finish } = await startTracedApp(t)
  const { port } = app.server.address() as { port: number }
  const arrived = new Promise<void>((resolve) => {
    app.server.once('request', () => resolve())
  })
  const head = 'POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n'
  const { socket } = openWire(port, `${head}Content-Length: 99\r\n\r\n`)
  await arrived
  socket.resetAndDestroy()
  await until(() => app.server.listening && socket.destroyed)
  const [span] = await finish()
  t.match(span, { name: 'POST /token', status: 0, attributes: { 'error.type': 'client_disconnected' } })
  t.notOk('http.response.status_code' in (span?.attributes ?? {}))
})

t.test('the work of requests at the same time stays in their traces', async (t) => {
  const { app, origin, finish } = await startTracedApp(t, {
    DATABASE_POOL_SIZE: '2',
    HASHING_CONCURRENCY: '1',
  })
  const token = await logIn(app, 'johndoe', 'secret', 'me items:read items:write')
  const authorization = `Bearer ${token}`
  const json = { authorization, 'content-type': 'application/json' }
  const begun = Array.from({ length: 8 }, (_, i) => {
    const [read, page, write, log, profile] = Array.from({ length: 5 }, () => beginTrace())
    const requests = [
      ['/users/me/items/', read, { headers: { authorization } }],
      [`/users/me/items/?sort=-created_at&limit=${i + 1}`, page, { headers: { authorization } }],
      [`/users/me/items/new${i}`, write, { method: 'PUT', body: '{"title":"x"}', headers: json }],
      ['/token', log, login],
      ['/users/me/', profile, { headers: { authorization } }],
    ] as [string, ReturnType<typeof beginTrace>, RequestInit][]
    return requests.map(([path, trace, init]) => ({
      ...trace,
      path,
      response: fetch(`${origin}${path}`, { ...init, headers: { ...init.headers, ...trace.headers } }),
    }))
  }).flat()
  for (const { response, path } of begun) t.ok((await response).ok, path)
  const spans = await finish()

  for (const { traceId, spanId, path } of begun) {
    const own = spans.filter((span) => span.traceId === traceId)
    const server = own.find((span) => span.parentSpanId === spanId)
    t.equal(server?.name.split(' ')[1]?.split('/')[1], path.split('/')[1], path)
    const ids = new Set(own.map((span) => span.spanId))
    for (const span of own) t.ok(span === server || ids.has(span.parentSpanId), `${span.name} of ${path}`)
    const names = own.map(({ name }) => name)
    if (path === '/token')
      for (const name of ['verify password', 'INSERT token_families', 'sign token'])
        t.equal(names.filter((one) => one === name).length, 1, name)
    if (path.includes('new'))
      for (const name of ['BEGIN', 'COMMIT']) t.ok(names.includes(name), `${name} in ${names.join()}`)
  }
  t.ok(spans.some(({ name }) => name === 'wait for hashing'))

  // Each request for a page has read it, or has a link to the span that has read it for several.
  const servers = spans.filter(({ name }) => name === 'GET /users/me/items/')
  const reads = spans.filter(({ name }) => name === 'read pages')
  for (const server of servers) {
    const read = reads.find(({ parentSpanId }) => parentSpanId === server.spanId)
    const shared = reads.find(({ spanId }) => server.links.some((link) => link.spanId === spanId))
    t.ok(read || shared, 'a page was read')
    if (shared)
      t.ok(
        shared.links.some((link) => link.spanId === server.spanId),
        'the link leads back',
      )
  }
})
