import t from 'tap'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'
import { cloneDatabase } from '../helpers/database.js'
import { cheapHash } from '../helpers/replicas.js'
import { storeResource, storeRole } from '../helpers/resources.js'
import { askWho, asUser, basic, decode, issuer, reports, startIssuer, type Tokens } from './server.js'

// Resource Indicators for OAuth 2.0: tokens for the resources `orders` and `billing` beside those of this service.

const orders = 'https://orders.example'
const billing = 'https://billing.example/api'
const app = await startIssuer(t, { AUDIENCE: 'https://api.example.com' })
const { database } = app
const secret = 'the secret of the shop'
await storeClient(database, 'shop', secret, [
  'me',
  'items:read',
  'orders:read',
  'orders:write',
  'bills:read',
  'legacy',
])
await storeClient(database, 'own', secret, ['me', 'items:read'])
await storeClient(database, 'foreign', secret, ['orders:read'])
await storeResource(database, {
  name: 'orders',
  identifier: orders,
  scopes: ['orders:read', 'orders:write'],
  defaultScopes: ['orders:read'],
  tokenTtlSeconds: 7_200,
})
await storeResource(database, {
  name: 'billing',
  identifier: billing,
  scopes: ['bills:read'],
  subjectType: 'username',
  tokenTtlSeconds: 60,
})
await storeResource(database, { name: 'closed', identifier: 'urn:closed', scopes: ['closed:read'] })
await database.resource.update({ where: { name: 'closed' }, data: { disabled: true } })
await storeRole(database, 'clerk', ['bills:read'], ['johndoe'])
await database.user.update({ where: { username: 'johndoe' }, data: { scopes: ['orders:write'] } })
await database.user.create({ data: { username: 'janedoe', hashedPassword: cheapHash } })
const { subject } = await database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })

/** Requests a token as a client. Returns the response, and the claims of the token. */
async function request(form: Record<string, string> | string, clientId = 'shop') {
  const response = await postToken(app, form, basic(clientId, secret))
  const body = response.json<Tokens & { error?: string }>()
  return { status: response.statusCode, body, claims: body.access_token ? decode(body.access_token, 1) : {} }
}

const forItself = { grant_type: 'client_credentials' }
const refresh = (refresh_token: string) => ({ grant_type: 'refresh_token', refresh_token })
const asJane = { ...asUser, username: 'janedoe' }
const login = (form: Record<string, string>) => request({ ...asUser, ...form })

t.test(
  '§2 a resource is an absolute URI without a fragment that is registered, enabled and granted',
  async (t) => {
    for (const [what, resource] of [
      ['unknown', 'https://unknown.example'],
      ['in another case', 'https://Orders.example'],
      ['with another path', `${orders}/v1`],
      ['with a slash after a path', `${billing}/`],
      ['with a fragment', `${orders}#`],
      ['relative', '/orders'],
      ['with a malformed escape', 'https://orders.example/%zz'],
      ['without anything after the scheme', 'https:'],
      ['not ASCII', 'https://örders.example'],
      ['with a space', `${orders} `],
      ['with a NUL', `${orders}\0`],
      ['too long', `${orders}/${'x'.repeat(1_024)}`],
      ['disabled', 'urn:closed'],
      ['the audience of no service', 'latchkey:nobody'],
    ] as const)
      for (const grant of [forItself, asUser]) {
        const { status, body } = await request({ ...grant, resource })
        t.same([status, body.error], [400, 'invalid_target'], `${what}: ${grant.grant_type}`)
      }
    for (const [clientId, resource] of [
      ['own', orders],
      ['foreign', issuer],
    ] as const) {
      const { status, body } = await request({ ...forItself, resource }, clientId)
      t.same([status, body.error], [400, 'invalid_target'], `not granted to the client ${clientId}`)
    }
    t.equal((await request(forItself, 'foreign')).status, 200, 'it names none')
  },
)

t.test('§2 exactly one resource is accepted', async (t) => {
  const twice = `resource=${encodeURIComponent(orders)}&resource=${encodeURIComponent(orders)}`
  for (const grant of [new URLSearchParams(asUser), new URLSearchParams(forItself)])
    t.match(await request(`${grant}&${twice}`), { status: 400, body: { error: 'invalid_target' } })
  const empty = await request({ ...forItself, resource: '' })
  t.equal(empty.claims.aud, 'https://api.example.com', 'one without a value counts as omitted')
})

t.test('§2 the audience of the token is the identifier as it is registered', async (t) => {
  for (const resource of [orders, `${orders}/`]) {
    const { claims, body } = await request({ ...forItself, resource })
    t.match(claims, { iss: issuer, aud: orders, sub: 'client:shop', scope: 'orders:read orders:write' })
    t.equal(Number(claims.exp) - Number(claims.iat), 7_200)
    t.match(body, { expires_in: 7_200, scope: 'orders:read orders:write' })
  }
  for (const own of [issuer, `${issuer}/`, 'https://api.example.com', 'https://api.example.com/']) {
    const { claims, body } = await request({ ...forItself, resource: own })
    t.match(claims, { aud: 'https://api.example.com', scope: 'me items:read legacy' }, own)
    t.equal(body.expires_in, 1_800)
    t.notOk('rgen' in claims)
  }
})

t.test('without a resource the scope decides', async (t) => {
  for (const [scope, aud] of [
    ['orders:read', orders],
    ['orders:write orders:read', orders],
    ['bills:read', billing],
    ['me', 'https://api.example.com'],
    ['legacy items:read', 'https://api.example.com'],
  ] as const) {
    t.match((await request({ ...forItself, scope })).claims, { aud, scope })
  }
  t.match((await request(forItself)).claims, {
    aud: 'https://api.example.com',
    scope: 'me items:read legacy',
  })
  const ambiguous = { error: 'invalid_scope', error_description: /several resources: name one as resource/ }
  for (const scope of ['orders:read bills:read', 'me orders:read', 'orders:read unknown'])
    t.match(await request({ ...forItself, scope }), { status: 400, body: ambiguous }, scope)
  t.match(await login({ resource: orders, scope: 'me' }), { status: 400, body: { error: 'invalid_scope' } })
  t.match(await request({ ...forItself, scope: 'closed:read' }), { body: { error: 'invalid_target' } })
})

t.test('§2.1 a token has the part of the requested scope that belongs to its resource', async (t) => {
  const spanning = await request({ ...forItself, resource: orders, scope: 'me orders:read bills:read' })
  t.match(spanning, { claims: { aud: orders, scope: 'orders:read' }, body: { scope: 'orders:read' } })
  for (const scope of ['me', 'orders:read unknown', 'orders:read '])
    t.match(
      await request({ ...forItself, resource: orders, scope }),
      { status: 400, body: { error: 'invalid_scope' } },
      scope,
    )
})

t.test(
  'a user has the default scopes of resources, those of roles and their own, narrowed by the client',
  async (t) => {
    t.match((await login({ resource: orders })).claims, { aud: orders, scope: 'orders:write orders:read' })
    t.match((await login({ resource: billing })).claims, { aud: billing, scope: 'bills:read' })
    t.match((await request({ ...asJane, resource: orders })).claims, { aud: orders, scope: 'orders:read' })
    t.match(await request({ ...asJane, resource: billing }), {
      status: 400,
      body: { error: 'invalid_target' },
    })
    t.match(await request({ ...asJane, scope: 'orders:write' }), {
      status: 400,
      body: { error: 'invalid_scope' },
    })
    t.match(await request({ ...asUser, resource: orders }, 'own'), { body: { error: 'invalid_target' } })
  },
)

t.test('the audience decides what the token names a user by', async (t) => {
  t.match((await login({})).claims, { sub: 'johndoe', scope: 'me items:read' })
  t.match((await login({ scope: 'orders:read' })).claims, { sub: subject, aud: orders })
  t.match((await login({ scope: 'bills:read' })).claims, { sub: 'johndoe', aud: billing })
  t.match(subject, /^[\w-]{22}$/)
})

t.test('§2.2 a refresh can choose another resource that was granted at the login', async (t) => {
  const first = await login({ resource: orders, scope: 'me orders:read bills:read' })
  t.match(first.claims, { aud: orders, scope: 'orders:read', sub: subject })
  let { refresh_token: token } = first.body
  async function next(form: Record<string, string>) {
    const result = await request({ ...refresh(token), ...form })
    token = result.body.refresh_token ?? token
    return result
  }
  t.match(
    (await next({})).claims,
    { aud: orders, scope: 'orders:read', sid: first.claims.sid },
    'of the login',
  )
  t.match((await next({ resource: billing })).claims, { aud: billing, scope: 'bills:read', sub: 'johndoe' })
  t.match((await next({ resource: issuer })).claims, { aud: 'https://api.example.com', scope: 'me' })
  t.match((await next({ scope: 'bills:read' })).claims, { aud: billing }, 'the scope decides')
  t.match((await next({ scope: 'me orders:read bills:read' })).claims, { aud: orders, scope: 'orders:read' })
  t.match((await next({})).claims, { aud: orders }, 'a refresh does not change the resource of the login')
  for (const [form, error] of [
    [{ resource: 'https://unknown.example' }, 'invalid_target'],
    [{ resource: 'urn:closed' }, 'invalid_target'],
    [{ scope: 'orders:write' }, 'invalid_scope'],
    [{ resource: billing, scope: 'me' }, 'invalid_scope'],
  ] as [Record<string, string>, string][])
    t.match(await next(form), { status: 400, body: { error } }, JSON.stringify(form))
  t.match((await next({})).status, 200, 'a refused request leaves the token unused')
  const narrow = await login({ resource: orders })
  for (const resource of [billing, issuer])
    t.match(await request({ ...refresh(narrow.body.refresh_token), resource }), {
      ...{ status: 400, body: { error: 'invalid_target' } },
    })
})

t.test('a login is kept until its last access token has expired', async (t) => {
  const lifetime = async (sid: unknown) => {
    const family = await database.tokenFamily.findUniqueOrThrow({ where: { id: String(sid) } })
    return (family.expiresAt.getTime() - family.refreshableUntil.getTime()) / 1_000
  }
  t.equal(await lifetime((await login({ scope: 'bills:read' })).claims.sid), 1_800)
  t.equal(await lifetime((await login({ scope: 'orders:read' })).claims.sid), 7_200)
  const { claims, body } = await login({ resource: issuer, scope: 'me orders:read' })
  const id = String(claims.sid)
  const soon = new Date(Date.now() + 60_000)
  await database.tokenFamily.update({ where: { id }, data: { expiresAt: soon } })
  await request({ ...refresh(body.refresh_token), resource: orders })
  const { expiresAt } = await database.tokenFamily.findUniqueOrThrow({ where: { id } })
  t.ok(expiresAt.getTime() > Date.now() + 7_000_000)
})

t.test('a user who must change the password gets no token for a resource', async (t) => {
  const where = { username: 'janedoe' }
  const { refresh_token } = (await request(asJane)).body
  await database.user.update({ where, data: { passwordChangeRequired: true } })
  t.match((await request({ ...asJane, scope: 'orders:read' })).claims, {
    ...{ aud: 'https://api.example.com', scope: 'account:password' },
  })
  t.match(await request({ ...asJane, resource: orders }), {
    status: 400,
    body: {
      error: 'invalid_target',
      error_description: 'A new password is required: request the token to change it without resource',
    },
  })
  t.match((await request({ ...asJane, resource: 'https://api.example.com' })).claims, {
    scope: 'account:password',
  })
  t.match(await request(asJane, 'foreign'), {
    status: 400,
    body: {
      error: 'invalid_scope',
      error_description:
        'A new password is required: the client lacks the scope account:password to change it',
    },
  })
  t.match(await request({ ...refresh(refresh_token), resource: orders }), {
    status: 400,
    body: {
      error: 'invalid_grant',
      error_description: 'A new password is required: log in again to change it',
    },
  })
  await database.user.update({ where, data: { passwordChangeRequired: false } })
})

t.test("the tutorial's login ignores the parameter", async (t) => {
  const form = 'username=johndoe&password=secret&resource=a&resource=b'
  const { access_token } = (await postToken(app, form)).json<Tokens>()
  t.match(decode(access_token, 1), { aud: 'https://api.example.com', scope: 'me items:read items:write' })
})

t.test('a resource with the identifier of this service gets no tokens', async (t) => {
  const url = await cloneDatabase(t)
  const [before, after] = [
    await startIssuer(t, {}, url),
    await startApp(t, { JWT_SECRET: '', ISSUER: issuer, AUDIENCE: orders }, url),
  ]
  await storeResource(before.database, { name: 'orders', identifier: orders, scopes: ['orders:read'] })
  const form = { ...forItself, scope: 'orders:read' }
  const asReports = basic(reports.client_id, reports.client_secret)
  t.equal((await postToken(before, form, asReports)).statusCode, 200)
  const { access_token: token } = (await postToken(before, form, asReports)).json<Tokens>()
  t.equal((await postToken(after, form, asReports)).json<{ error: string }>().error, 'invalid_target')
  const refused = await after.inject({ url: '/users/me/', headers: { authorization: `Bearer ${token}` } })
  t.equal(refused.statusCode, 401, 'those that it got earlier are not for this service')
})

t.test('a resource needs published keys', async (t) => {
  const other = await startApp(t)
  await storeClient(other.database, 'shop', secret, ['orders:read', 'me'])
  await storeResource(other.database, { name: 'orders', identifier: orders, scopes: ['orders:read'] })
  for (const form of [
    { resource: orders },
    { scope: 'orders:read' },
    { resource: 'http://localhost:8000' },
  ]) {
    const response = await postToken(other, { ...forItself, ...form }, basic('shop', secret))
    t.equal(response.json<{ error: string }>().error, 'invalid_target', JSON.stringify(form))
  }
  const token = await logIn(other, 'johndoe', 'secret', 'me')
  t.equal((await askWho(other, `Bearer ${token}`)).statusCode, 200)
})
