import { METHODS } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { encodePercent } from '../../src/http/percent.js'
import { basic } from '../conformance/server.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { storeResource } from '../helpers/resources.js'
import { openWire, sendWire } from '../helpers/wire.js'

// A proxy asks at /verify whether a request may pass. What it forwards of that request comes from anyone.

const origin = 'https://app.example'
const app = await startApp(t, { JWT_SECRET: '', CORS_ORIGINS: origin })
const { database } = app
const orders = 'https://orders.example'
const billing = 'urn:billing'
const secret = 'the secret of shop'
const shopScopes = ['me', 'items:read', 'account:password', 'orders:read', 'orders:write', 'bills:read']

await storeClient(database, 'shop', secret, shopScopes)
await storeResource(database, {
  name: 'orders',
  identifier: orders,
  scopes: ['orders:read', 'orders:write'],
  defaultScopes: ['orders:read', 'orders:write'],
})
await storeResource(database, {
  name: 'billing',
  identifier: billing,
  scopes: ['bills:read'],
  defaultScopes: ['bills:read'],
  subjectType: 'username',
})

async function requestToken(form: Record<string, string>): Promise<string> {
  const response = await postToken(app, form, basic('shop', secret))
  return response.json<{ access_token: string }>().access_token
}

const asUser = { grant_type: 'password', username: 'johndoe', password: 'secret' }
const tokens = {
  own: await requestToken({ ...asUser, scope: 'me items:read' }),
  ofClient: await requestToken({ grant_type: 'client_credentials', scope: 'items:read' }),
  orders: await requestToken({ ...asUser, resource: orders, scope: 'orders:read' }),
  billing: await requestToken({ ...asUser, resource: billing }),
}
const { subject } = await database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })
const forOrders = `?${new URLSearchParams({ resource: orders }).toString()}`

/** Returns the status, the challenge and the identity in a response. */
function outcomeOf({ statusCode, headers }: { statusCode: number; headers: Record<string, unknown> }) {
  const identity = ['subject', 'user', 'scope', 'client'].map((name) => headers[`x-latchkey-${name}`])
  return [statusCode, headers['www-authenticate'], ...identity].filter((value) => value !== undefined)
}

async function verify(token: string | null, target = '') {
  return outcomeOf(await as(app, token).get(`/verify${target}`))
}

const challenge = 'Bearer realm="Latchkey"'
const metadataOf = (origin: string) => `resource_metadata="${origin}/.well-known/oauth-protected-resource"`
const metadata = metadataOf('http://localhost:8000')
const unauthenticated = [401, `${challenge}, ${metadata}`]
const invalid = [401, `${challenge}, error="invalid_token", ${metadata}`]
/** Response at a resource without metadata. */
const invalidElsewhere = [401, `${challenge}, error="invalid_token"`]
const misconfigured = [403, `${challenge}, error="invalid_request"`]

t.test('the response to a token names the caller', async (t) => {
  t.same(await verify(tokens.own), [204, 'johndoe', 'johndoe', 'me items:read', 'shop'])
  t.same(await verify(tokens.ofClient), [204, 'client:shop', 'items:read', 'shop'])
  t.same(await verify(tokens.orders, forOrders), [204, subject, 'johndoe', 'orders:read', 'shop'])
  t.same(await verify(tokens.billing, `?resource=${billing}`), [
    204,
    'johndoe',
    'johndoe',
    'bills:read',
    'shop',
  ])
  const response = await as(app, tokens.own).get('/verify')
  t.equal(response.body, '')
  t.equal(response.headers['cache-control'], 'no-store')
})

t.test('a token is refused at any other audience', async (t) => {
  const targets = { own: '', ofClient: '', orders: forOrders, billing: `?resource=${billing}` }
  for (const [name, token] of Object.entries(tokens))
    for (const [audience, target] of Object.entries(targets)) {
      const isRight = targets[name as keyof typeof targets] === target
      t.equal((await verify(token, target))[0], isRight ? 204 : 401, `${name} at ${audience}`)
    }
  t.same(await verify(tokens.own, '?resource=urn:unknown'), invalidElsewhere)
  t.equal((await verify(tokens.orders, `${forOrders}%2F`))[0], 204, 'an empty path is the same as /')
})

t.test('every required scope must be there', async (t) => {
  t.equal((await verify(tokens.own, '?scope=items:read%20me'))[0], 204)
  t.equal((await verify(tokens.own, '?scope=account:password'))[0], 204, '`me` includes it')
  t.equal((await verify(tokens.own, '?scope='))[0], 204)
  t.same(await verify(tokens.own, '?scope=me+items:write'), [
    403,
    `${challenge}, error="insufficient_scope", scope="me items:write", ${metadata}`,
  ])
  t.same(await verify(tokens.orders, `${forOrders}&scope=bills:read`), [
    403,
    `${challenge}, error="insufficient_scope", scope="bills:read", ${metadataOf(orders)}`,
  ])
  t.same(await verify(null, '?scope=me'), [401, `${challenge}, scope="me", ${metadata}`])
})

t.test('a request without a valid token is 401, however malformed', async (t) => {
  t.same(await verify(null), unauthenticated)
  t.same(outcomeOf(await app.inject({ url: '/verify', headers: basic('shop', secret) })), unauthenticated)
  for (const token of ['', 'x', `${tokens.own}x`, `${tokens.own}, Bearer ${tokens.own}`, 'é', 'a.b.c'])
    t.same(await verify(token), invalid, token)
})

t.test('a challenge names the metadata of the required resource', async (t) => {
  const named = (target: string) => verify(null, target)
  t.same(await named('?resource=http://localhost:8000'), unauthenticated)
  t.same(await named(forOrders), [401, `${challenge}, ${metadataOf(orders)}`])
  for (const resource of [billing, 'https://unknown.example'])
    t.same(await named(`?resource=${resource}`), [401, challenge], resource)
  const withSecret = await startApp(t)
  t.same(outcomeOf(await as(withSecret, null).get('/verify')), [401, challenge])
})

t.test('a URL that the operator has to correct is 403', async (t) => {
  for (const query of [
    `resource=${billing}&resource=${billing}`,
    'scope=me&scope=me',
    'scopes=me',
    '%ff',
    'resource=',
    'resource=orders',
    'resource=https://a%23b',
    'scope="',
    'scope=%C3%A9',
    'resource=%ff',
    `resource=${'a'.repeat(2_000)}`,
    '__proto__=1',
  ])
    t.same(await verify(tokens.own, `?${query}`), misconfigured, query)
})

t.test('nothing of the forwarded request is read', async (t) => {
  const evil = `resource=${orders}&scope=orders:read`
  for (const target of [
    `/api?${evil}`,
    `/?${evil}`,
    `%2Fapi?${evil}`,
    '/a//b',
    '//',
    '/%zz',
    '/%ff?%ff',
    `/${'a'.repeat(4_000)}`,
    '/?resource=1&resource=2',
    '/verify',
    `?uri=/api?${evil}`,
    `?scope=me&uri=/api&${evil}`,
  ]) {
    t.equal((await verify(tokens.own, target))[0], 204, target)
    t.same(await verify(tokens.orders, target), invalid, target)
  }
  const forwarded = `/api?${evil}`
  const headers = {
    authorization: `Bearer ${tokens.orders}`,
    'access-control-request-method': 'GET',
    'content-encoding': 'br',
    origin,
    'x-forwarded-method': 'OPTIONS',
    'x-forwarded-uri': forwarded,
    'x-latchkey-user': 'admin',
    'x-original-url': forwarded,
  }
  t.same(outcomeOf(await app.inject({ url: '/verify', headers })), invalid)
})

t.test('every method is answered alike, a preflight too', async (t) => {
  const authorization = `Bearer ${tokens.own}`
  const preflight = { origin, 'access-control-request-method': 'PUT' }
  const body = { 'content-type': 'nonsense', 'content-encoding': 'br', 'content-length': '9999999' }
  for (const method of METHODS.filter((one) => one !== 'CONNECT'))
    for (const url of ['/verify', '/verify/api']) {
      const ask = async (headers: Record<string, string>) =>
        (await app.inject({ method: method as 'GET', url, headers: { ...headers, ...preflight, ...body } }))
          .statusCode
      t.same([await ask({}), await ask({ authorization })], [401, 204], `${method} ${url}`)
    }
})

t.test('over a connection', async (t) => {
  await app.listen({ port: 0 })
  const { port } = app.server.address() as AddressInfo
  const head = (method: string, lines: string[], target = '/verify') =>
    [`${method} ${target} HTTP/1.1`, 'host: a', 'connection: close', ...lines, '', ''].join('\r\n')

  t.test('several Authorization headers are refused', async (t) => {
    const authorization = `authorization: Bearer ${tokens.own}`
    for (const other of ['authorization: x', 'Authorization: Basic eDp5', authorization]) {
      const [answer] = await sendWire(port, head('GET', [authorization, other]))
      t.equal(answer?.status, 401)
      const refused = `${challenge}, error="invalid_request", ${metadata}`
      t.equal(answer?.headers['www-authenticate'], refused.toLowerCase())
    }
  })

  t.test('a path of the forwarded request leads nowhere else', async (t) => {
    const lines = [`authorization: Bearer ${tokens.own}`]
    for (const target of [
      '/verify/../token',
      '/verify/%2e%2e/livez',
      '/verify%2f..%2ftoken',
      'http://a/verify/x',
    ])
      t.equal((await sendWire(port, head('POST', lines, target)))[0]?.status, 204, target)
  })

  t.test('the response does not wait for the body', async (t) => {
    for (const framing of ['content-length: 1000000000', 'transfer-encoding: chunked']) {
      const { socket, received } = openWire(
        port,
        head('POST', [framing, `authorization: Bearer ${tokens.own}`]),
      )
      while (!received().includes('\r\n\r\n')) await new Promise((resolve) => socket.once('data', resolve))
      t.match(received(), /^HTTP\/1\.1 204 /)
      socket.destroy()
    }
  })
})

t.test('names of any script become printable ASCII, and no two become equal', async (t) => {
  const username = 'Łukasz'
  await as(app, null).post('/users/', { username, password: 'correct horse' })
  const token = await logIn(app, username, 'correct horse')
  const response = await as(app, token).get('/verify')
  const name = String(response.headers['x-latchkey-user'])
  t.equal(name, '%C5%81ukasz')
  t.equal(decodeURIComponent(name), username)
  t.equal(encodePercent(' %41 b~ '), '%20%2541 b~%20')
  t.equal(encodePercent('\u{1F511}\n\t\u007f'), '%F0%9F%94%91%0A%09%7F')
})

t.test('a revoked grant counts at once', async (t) => {
  const token = await logIn(app, 'johndoe', 'secret', 'me')
  t.equal((await verify(token))[0], 204)
  await database.user.update({ where: { username: 'johndoe' }, data: { passwordChangeRequired: true } })
  t.same(await verify(token), [403, `${challenge}, error="insufficient_scope", ${metadata}`])
  t.match((await as(app, token).get('/verify')).json(), { detail: 'A new password is required' })
  await database.user.update({ where: { username: 'johndoe' }, data: { passwordChangeRequired: false } })

  t.equal((await verify(tokens.orders, forOrders))[0], 204)
  await database.resourceScope.delete({ where: { name: 'orders:read' } })
  t.same(await verify(tokens.orders, forOrders), [
    403,
    `${challenge}, error="insufficient_scope", ${metadataOf(orders)}`,
  ])
  await database.resource.update({ where: { name: 'billing' }, data: { disabled: true } })
  t.same(await verify(tokens.billing, `?resource=${billing}`), invalidElsewhere)

  await database.user.update({
    where: { username: 'johndoe' },
    data: { disabled: true, generation: { increment: 1 } },
  })
  t.same(await verify(token), invalid, 'not 400, which nginx would turn into 500')
})
