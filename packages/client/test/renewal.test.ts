import t from 'tap'
import { ClientError, serviceClient } from '../src/index.js'
import { fakeServer, issue, service, settle, tokenUrl } from './helpers/fake-server.js'

t.test('a token is requested at the first use, and kept', async (t) => {
  const server = fakeServer()
  const client = serviceClient({
    ...server.options,
    scope: 'orders:read',
    resource: 'https://orders.example.com',
  })
  t.equal(server.requests.length, 0)
  t.equal(await (await client.fetch(service)).text(), 'Bearer t1')
  t.equal(await (await client.fetch(service)).text(), 'Bearer t1')
  const [request, ...others] = server.requestsTo(tokenUrl)
  t.same(others, [])
  t.same(Object.fromEntries(request?.form ?? []), {
    grant_type: 'client_credentials',
    scope: 'orders:read',
    resource: 'https://orders.example.com',
  })
  t.equal(request?.headers.get('authorization'), `Basic ${btoa('reports:secret')}`)
  t.equal(request?.init.redirect, 'manual')
})

t.test('calls at once share one request', async (t) => {
  const server = fakeServer()
  const client = serviceClient(server.options)
  t.same(await Promise.all([client.getToken(), client.getToken(), client.getToken()]), ['t1', 't1', 't1'])
  t.equal(server.requestsTo(tokenUrl).length, 1)
})

t.test('each scope and resource has a token of its own, whatever the order of the scope', async (t) => {
  const server = fakeServer()
  const client = serviceClient(server.options)
  t.equal(await client.getToken({ scope: 'a b' }), 't1')
  t.equal(await client.getToken({ scope: ' b a b' }), 't1')
  t.equal(await client.getToken({ scope: 'a' }), 't2')
  t.equal(await client.getToken({ scope: 'a', resource: 'urn:x' }), 't3')
  t.same(server.requestsTo(tokenUrl)[0]?.form.get('scope'), 'a b')
})

t.test('a token is renewed in the background at a share of its lifetime, which differs', async (t) => {
  for (const [random, share] of [
    [0, 0.6],
    [0.5, 0.725],
  ] as const) {
    const server = fakeServer()
    const client = serviceClient({ ...server.options, random: () => random })
    await client.getToken()
    server.clock.advance(1_000_000 * share - 1)
    t.equal(await client.getToken(), 't1')
    await settle()
    t.equal(server.requestsTo(tokenUrl).length, 1)
    server.clock.advance(1)
    t.equal(await client.getToken(), 't1', 'the old one goes on')
    await settle()
    t.equal(await client.getToken(), 't2')
  }
})

t.test('the old token goes on while it lives if the server is down, with few requests', async (t) => {
  const server = fakeServer()
  const client = serviceClient(server.options)
  await client.getToken()
  server.answers.set(tokenUrl, () => Promise.reject(new TypeError('fetch failed')))
  for (let second = 0; second < 999; second += 1) {
    server.clock.advance(1000)
    t.equal(await client.getToken(), 't1')
    await settle()
  }
  t.ok(server.requestsTo(tokenUrl).length < 80, 'one request in 5 s at most')
  server.clock.advance(1000)
  await t.rejects(client.getToken(), { code: 'unreachable' })
  server.answers.set(tokenUrl, () => issue('new'))
  t.equal(await client.getToken(), 'new')
})

t.test('a call waits while the server is down, for waitMs at most', async (t) => {
  const server = fakeServer()
  let failures = 3
  server.answers.set(tokenUrl, () => (failures-- > 0 ? new Response('', { status: 503 }) : issue('late')))
  const client = serviceClient(server.options)
  t.equal(await client.getToken(), 'late')
  t.same(server.clock.pauses, [150, 300, 600])
  failures = 100
  server.clock.advance(1_000_000)
  const error = await client.getToken().catch((error: unknown) => error)
  t.ok(error instanceof ClientError)
  t.match(error, { code: 'bad_status', status: 503, retryable: true })
  t.same(server.clock.pauses.slice(3), [150, 300, 600, 1200, 2400, 3750])
})
