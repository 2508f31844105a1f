import t from 'tap'
import { serviceClient } from '../src/index.js'
import {
  type Answer,
  fakeServer,
  issue,
  issuer,
  service,
  settle,
  tokenUrl,
  unauthorized,
} from './helpers/fake-server.js'

/** Answers as a service that refuses the tokens of a list. */
const refusing =
  (tokens: readonly string[], challenge?: string): Answer =>
  ({ headers }) => {
    const token = String(headers.get('authorization')).slice('Bearer '.length)
    return tokens.includes(token) ? unauthorized(challenge) : new Response(token)
  }

t.test('a refused token is replaced, and the request sent again once', async (t) => {
  for (const challenge of [
    undefined,
    'Bearer',
    'Bearer realm="a, b", error="invalid_token"',
    'Basic realm="Bearer error=x", bearer error=invalid_token',
  ]) {
    const server = fakeServer()
    server.answers.set(service, refusing(['t1'], challenge))
    const client = serviceClient(server.options)
    t.equal(await (await client.fetch(service)).text(), 't2')
    t.match(server.events.slice(-3), [
      { type: 'token_discarded' },
      { type: 'token_obtained' },
      { type: 'request_retried' },
    ])
  }
})

t.test('a 401 that is not about the token changes nothing', async (t) => {
  for (const challenge of [
    'Basic realm="x"',
    'Bearer error="invalid_request"',
    'Basic realm="a", error="invalid_token"',
  ]) {
    const server = fakeServer()
    server.answers.set(service, refusing(['t1'], challenge))
    const client = serviceClient(server.options)
    t.equal((await client.fetch(service)).status, 401)
    t.equal(await client.getToken(), 't1')
  }
})

t.test('many calls with one refused token request one new token', async (t) => {
  const server = fakeServer()
  server.answers.set(service, refusing(['t1']))
  const client = serviceClient(server.options)
  const responses = await Promise.all(Array.from({ length: 50 }, () => client.fetch(service)))
  t.same([...new Set(await Promise.all(responses.map((response) => response.text())))], ['t2'])
  t.equal(server.requestsTo(tokenUrl).length, 2)
})

t.test('a refusal that arrives late does not end a newer token', async (t) => {
  const server = fakeServer()
  const client = serviceClient(server.options)
  await client.getToken()
  client.invalidate('t1')
  t.equal(await client.getToken(), 't2')
  client.invalidate('t1')
  t.equal(await client.getToken(), 't2')
})

t.test('a service that refuses every token causes no storm of token requests', async (t) => {
  const server = fakeServer()
  server.answers.set(service, () => unauthorized())
  const client = serviceClient(server.options)
  for (let call = 0; call < 1000; call += 1) {
    t.equal((await client.fetch(service)).status, 401)
    server.clock.advance(10)
  }
  t.ok(server.requestsTo(tokenUrl).length < 9)
})

t.test('nor does it if others accept them, even at the same origin', async (t) => {
  for (const other of ['https://other.example/', `${service}/others`])
    for (const [everyMs, calls, most] of [
      [10, 6_000, 18],
      [450, 200, 26],
      [11_000, 50, 51],
    ] as const) {
      const server = fakeServer()
      server.answers.set(service, () => unauthorized())
      server.answers.set(other, () => new Response())
      const client = serviceClient(server.options)
      for (let call = 0; call < calls; call += 1) {
        t.equal((await client.fetch(other)).status + (await client.fetch(service)).status, 601)
        server.clock.advance(everyMs)
      }
      const requested = server.requestsTo(tokenUrl).length
      t.ok(requested <= most, `${requested} tokens for ${calls} pairs of calls every ${everyMs} ms`)
    }
})

t.test('a token that is really revoked is replaced at once', async (t) => {
  const server = fakeServer()
  const client = serviceClient(server.options)
  for (const ageMs of [0, 3_000, 3_000, 3_000, 300_000, 500, 20_000, 500]) {
    server.clock.advance(ageMs)
    const revoked = await client.getToken()
    server.answers.set(service, refusing([revoked]))
    t.equal((await client.fetch(service)).status, 200)
    t.not(await client.getToken(), revoked)
  }
})

t.test('a body is sent again if it can be', async (t) => {
  const bodies: [NonNullable<RequestInit['body']> | null, boolean][] = [
    ['text', true],
    [new URLSearchParams({ a: '1' }), true],
    [new FormData(), true],
    [new Blob(['x']), true],
    [new ArrayBuffer(2), true],
    [new Uint8Array(2), true],
    [null, true],
    [new ReadableStream(), false],
  ]
  for (const [body, isSentAgain] of bodies) {
    const server = fakeServer()
    server.answers.set(service, refusing(['t1']))
    const response = await serviceClient(server.options).fetch(service, { method: 'POST', body })
    t.equal(response.status, isSentAgain ? 200 : 401)
    t.equal(server.requestsTo(service).length, isSentAgain ? 2 : 1)
    for (const { init } of server.requestsTo(service)) t.equal(init.body, body)
  }
})

t.test('a Request is sent again with its body, method and headers', async (t) => {
  const server = fakeServer()
  server.answers.set(service, refusing(['t1']))
  const client = serviceClient(server.options)
  const request = new Request(service, {
    method: 'PUT',
    body: 'text',
    headers: { 'x-a': '1', authorization: 'x' },
  })
  t.equal(await (await client.fetch(request, { headers: { 'x-b': '2' } })).text(), 't2')
  for (const { init, headers } of server.requestsTo(service)) {
    t.equal(init.method, 'PUT')
    t.equal(headers.get('x-b'), '2')
    t.equal(Buffer.from(init.body as ArrayBuffer).toString(), 'text')
  }
  t.ok(request.bodyUsed)
  await t.rejects(client.fetch(request), TypeError)
  t.equal(await (await client.fetch(new Request(service))).text(), 't2')
})

t.test('the abort of one call ends it alone', async (t) => {
  const server = fakeServer()
  const answers: ((response: Response) => void)[] = []
  server.answers.set(tokenUrl, () => new Promise((resolve) => answers.push(resolve)))
  const client = serviceClient(server.options)
  const controller = new AbortController()
  const { signal } = controller
  const aborted = client.fetch(service, { signal })
  const other = client.getToken({ signal: new AbortController().signal })
  await settle()
  controller.abort(new Error('enough'))
  await t.rejects(aborted, new Error('enough'))
  answers[0]?.(issue('late'))
  t.equal(await other, 'late')
  await t.rejects(client.getToken({ signal }), new Error('enough'))
  await t.rejects(
    client.fetch(new Request(service, { method: 'POST', body: 'x', signal })),
    new Error('enough'),
  )
})

t.test('a call that pauses can be aborted', async (t) => {
  const server = fakeServer()
  server.clock.holds = true
  server.answers.set(tokenUrl, () => new Response('', { status: 503 }))
  const controller = new AbortController()
  const call = serviceClient(server.options).getToken({ signal: controller.signal })
  await settle()
  t.same(server.clock.pauses, [150])
  controller.abort(new Error('enough'))
  await t.rejects(call, new Error('enough'))
})

t.test('tokens are sent only with encryption, and to allowed origins', async (t) => {
  const server = fakeServer()
  const client = serviceClient({ ...server.options, origins: [new URL(service).origin] })
  await t.rejects(client.fetch('http://orders.example.com/'), { code: 'insecure_url' })
  await t.rejects(client.fetch('https://evil.example.com/'), { code: 'insecure_url' })
  await t.rejects(serviceClient(server.options).fetch('ftp://orders.example.com/'), { code: 'insecure_url' })
  t.equal(server.requests.length, 0)
  t.equal((await serviceClient({ ...server.options, allowHttp: true }).fetch('http://orders/')).status, 404)
  t.equal((await serviceClient(server.options).fetch(new URL('http://127.0.0.1:1/'))).status, 404)
})

/** Redirects to a location. */
const redirect =
  (location: string, status = 307): Answer =>
  () =>
    new Response('', { status, headers: { location } })

t.test('redirects within the origin are followed with the token', async (t) => {
  const server = fakeServer()
  server.answers.set(`${service}/old`, redirect('/orders'))
  const client = serviceClient(server.options)
  const response = await client.fetch(`${service}/old`, { method: 'POST', body: 'text' })
  t.equal(await response.text(), 'Bearer t1')
  t.match(server.requestsTo(service)[0]?.init, { method: 'POST', body: 'text' })
})

t.test('a redirect changes the method as in fetch', async (t) => {
  for (const [status, method, expected] of [
    [301, 'POST', 'GET'],
    [302, 'PUT', 'PUT'],
    [303, 'PUT', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [308, 'POST', 'POST'],
  ] as const) {
    const server = fakeServer()
    server.answers.set(`${service}/old`, redirect(service, status))
    await serviceClient(server.options).fetch(`${service}/old`, {
      method,
      headers: { 'content-type': 'text/plain' },
    })
    const [sent] = server.requestsTo(service)
    t.equal(sent?.init.method, expected)
    t.equal(sent?.headers.has('content-type'), method === expected)
  }
})

t.test('no redirect leads a token to another origin, and none is endless', async (t) => {
  const places = [
    'https://evil.example.com/',
    'http://orders.example.com/',
    '//evil.example.com',
    '',
    'https://[',
  ]
  for (const location of [...places, '/orders'])
    for (const status of [301, 302, 303, 307, 308]) {
      const server = fakeServer()
      server.answers.set(service, redirect(location, status))
      await t.rejects(serviceClient(server.options).fetch(service), { code: 'unexpected_redirect' })
      t.ok(server.requests.length <= 8)
      t.ok(server.requests.every(({ url }) => url.startsWith(issuer) || url === service))
    }
  const server = fakeServer()
  const hidden = Object.defineProperty(new Response(null), 'type', { value: 'opaqueredirect' })
  server.answers.set(service, () => hidden)
  await t.rejects(serviceClient(server.options).fetch(service), { code: 'unexpected_redirect' })
  server.answers.set(service, redirect('/other'))
  const body = new ReadableStream()
  await t.rejects(serviceClient(server.options).fetch(service, { method: 'POST', body }), {
    code: 'unexpected_redirect',
  })
})

t.test('a caller that asks for manual redirects gets them', async (t) => {
  const server = fakeServer()
  server.answers.set(service, redirect('https://elsewhere.example.com/'))
  const client = serviceClient(server.options)
  t.equal((await client.fetch(service, { redirect: 'manual' })).status, 307)
  await client.fetch(service, { redirect: 'error' })
  t.equal(server.requestsTo(service)[1]?.init.redirect, 'error')
})

t.test('a hook that fails breaks no call', async (t) => {
  for (const onEvent of [() => Promise.reject(new Error('hook')), () => JSON.parse('{') as unknown]) {
    const server = fakeServer()
    t.equal(await serviceClient({ ...server.options, onEvent }).getToken(), 't1')
  }
})
