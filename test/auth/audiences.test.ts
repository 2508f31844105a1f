import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { isForResource } from '../../src/auth/resources/audience.js'
import { chooseRefreshTarget } from '../../src/auth/resources/target.js'
import { removeDepartures } from '../../src/database/departures.js'
import { freeScopeNames } from '../../src/resources/manage-resources.js'
import { basic, decode, postTo } from '../conformance/server.js'
import { query } from '../database/query.js'
import { postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { cloneDatabase } from '../helpers/database.js'
import { cheapHash } from '../helpers/replicas.js'
import { storeResource, storeRole } from '../helpers/resources.js'
import { until } from '../helpers/wait.js'

// Access tokens of every audience at every door, also after what they depend on has changed. Every route of this service as a
// door is in test/ownership.test.ts.

const secret = 'the secret of every client'
const identifiers = { orders: 'https://orders.example', billing: 'urn:billing' }
const url = await cloneDatabase(t)
const one = await startApp(t, { JWT_SECRET: '' }, url)
const other = await startApp(t, { JWT_SECRET: '' }, url)
const shared = await startApp(t, {}, url)
const { database } = one
const everyScope = ['me', 'items:read', 'orders:read', 'bills:read', 'legacy:read']

await storeClient(database, 'shop', secret, everyScope)
await storeClient(database, 'orders-api', secret, [])
await storeClient(database, 'billing-api', secret, ['orders:read', 'bills:read'])
await storeClient(database, 'introspector', secret, everyScope, ['introspect'])
await storeClient(database, 'sharer', secret, everyScope)
await storeResource(database, {
  name: 'orders',
  identifier: identifiers.orders,
  scopes: ['orders:read'],
  defaultScopes: ['orders:read'],
  servers: ['orders-api'],
})
await storeResource(database, {
  name: 'billing',
  identifier: identifiers.billing,
  scopes: ['bills:read'],
  defaultScopes: ['bills:read'],
  servers: ['billing-api'],
  subjectType: 'username',
})

interface TokenResponse {
  access_token: string
  refresh_token: string
  error?: string
}

/** Requests tokens as a client. */
async function request(app: FastifyInstance, clientId: string, form: Record<string, string>) {
  return (await postToken(app, form, basic(clientId, secret))).json<TokenResponse>()
}

/** Returns what a client learns about a token. */
async function introspect(app: FastifyInstance, clientId: string, token: string) {
  await app.changes.sync()
  const response = await postTo(app, '/introspect', { token }, basic(clientId, secret))
  return response.json<Record<string, unknown>>()
}

const asUser = { grant_type: 'password', username: 'johndoe', password: 'secret' }
const forItself = { grant_type: 'client_credentials' }
const inactive = { active: false }

/** Clients that see the tokens of each audience that `shop` has, and the scope that they see. */
const visible: Record<string, Record<string, string>> = {
  own: { shop: 'me items:read', introspector: 'me items:read' },
  'own, with a scope that no resource has': {
    shop: 'items:read legacy:read',
    introspector: 'items:read legacy:read',
    sharer: 'legacy:read',
  },
  orders: { 'orders-api': 'orders:read' },
  billing: { 'billing-api': 'bills:read' },
  'orders, for the client itself': { 'orders-api': 'orders:read' },
  'billing, for the client itself': { 'billing-api': 'bills:read' },
}

const tokens: Record<string, TokenResponse> = {
  own: await request(one, 'shop', { ...asUser, scope: 'me items:read' }),
  'own, with a scope that no resource has': await request(one, 'shop', {
    ...forItself,
    scope: 'items:read legacy:read',
  }),
  orders: await request(one, 'shop', { ...asUser, resource: identifiers.orders }),
  billing: await request(one, 'shop', { ...asUser, resource: identifiers.billing }),
  'orders, for the client itself': await request(one, 'shop', { ...forItself, scope: 'orders:read' }),
  'billing, for the client itself': await request(one, 'shop', { ...forItself, scope: 'bills:read' }),
}

for (const [audience, { access_token: token }] of Object.entries(tokens)) {
  const isOwn = audience.startsWith('own')
  const claims = decode(token, 1)

  t.test(`guards and a token for ${audience}`, async (t) => {
    const path = clientsOnly(claims) ? '/users/johndoe/items/' : '/users/me/'
    for (const app of [one, other]) t.equal((await as(app, token).get(path)).statusCode, isOwn ? 200 : 401)
    t.equal((await as(shared, token).get(path)).statusCode, 401, 'where a shared secret signs')
  })

  for (const clientId of ['shop', 'orders-api', 'billing-api', 'introspector', 'sharer'])
    t.test(`introspection of a token for ${audience} by ${clientId}`, async (t) => {
      const scope = visible[audience]?.[clientId]
      for (const app of [one, other]) {
        const found = await introspect(app, clientId, token)
        if (scope === undefined) t.strictSame(found, inactive)
        else t.match(found, { active: true, scope, aud: claims.aud, sub: claims.sub, client_id: 'shop' })
        t.equal(found.username, clientsOnly(claims) || !scope ? undefined : 'johndoe')
      }
      t.strictSame(await introspect(shared, clientId, token), inactive)
    })

  t.test(`the other endpoints and a token for ${audience}`, async (t) => {
    const asRefreshToken = await request(one, 'shop', { grant_type: 'refresh_token', refresh_token: token })
    t.equal(asRefreshToken.error, 'invalid_grant')
    for (const clientId of ['orders-api', 'billing-api', 'introspector', 'sharer']) {
      const refused = await postTo(one, '/revoke', { token }, basic(clientId, secret))
      t.match(refused.json(), { error: 'invalid_grant' }, 'only the client that it was issued to revokes it')
    }
  })
}

/** Returns whether a token is one for the client itself. */
function clientsOnly({ sub }: Record<string, unknown>): boolean {
  return sub === 'client:shop'
}

t.test('which resource a token is for', (t) => {
  const issuer = { iss: 'https://login.example.com', aud: 'https://api.example.com' }
  for (const [audience, resource, isFor] of [
    [null, null, true],
    [null, issuer.aud, true],
    [null, `${issuer.iss}/`, true],
    [null, identifiers.orders, false],
    [identifiers.orders, null, false],
    [identifiers.orders, issuer.aud, false],
    [identifiers.orders, identifiers.orders, true],
    [identifiers.orders, `${identifiers.orders}/`, true],
    [identifiers.orders, `${identifiers.orders}/v1`, false],
    [identifiers.orders, identifiers.billing, false],
  ] as const)
    t.equal(isForResource({ audience }, resource, issuer), isFor, `${audience} at ${resource}`)
  t.equal(isForResource({ audience: null }, issuer.aud, null), false, 'a shared secret names no audience')
  const empty = { byIdentifier: new Map(), byScope: new Map(), enabled: [], defaultScopes: [] }
  t.throws(() => chooseRefreshTarget({}, 'id of a resource that was just deleted', empty, issuer), {
    code: 'invalid_target',
  })
  t.end()
})

t.test('a token of the shared secret is good there alone, and for no resource', async (t) => {
  const { access_token: token } = (
    await postToken(shared, { username: 'johndoe', password: 'secret' })
  ).json<{
    access_token: string
  }>()
  t.equal((await as(shared, token).get('/users/me/')).statusCode, 200)
  t.equal((await as(one, token).get('/users/me/')).statusCode, 401)
  for (const clientId of ['shop', 'orders-api', 'billing-api', 'introspector'])
    t.strictSame(await introspect(one, clientId, token), inactive)
})

t.test('refresh tokens are seen by their client alone, whatever the resource of the login', async (t) => {
  for (const { refresh_token: token } of [tokens.own, tokens.orders, tokens.billing] as TokenResponse[]) {
    for (const clientId of ['orders-api', 'billing-api', 'introspector', 'sharer'])
      t.strictSame(await introspect(one, clientId, token), inactive)
    t.match(await introspect(one, 'shop', token), { active: true, client_id: 'shop', username: 'johndoe' })
  }
})

t.test('the client revokes a token for a resource, at once for every replica', async (t) => {
  for (const [audience, server] of [
    ['orders', 'orders-api'],
    ['billing, for the client itself', 'billing-api'],
  ] as const) {
    const token = String(tokens[audience]?.access_token)
    t.equal((await postTo(one, '/revoke', { token }, basic('shop', secret))).statusCode, 200)
    for (const app of [one, other]) t.strictSame(await introspect(app, server, token), inactive)
  }
})

/** What a change leaves: the scopes of both access tokens at their server, and the result of a refresh. */
interface Outcome {
  ofUser: string | null
  ofClient: string | null
  refresh: string
}

const nothing: Outcome = { ofUser: null, ofClient: null, refresh: 'invalid_target' }
const everything: Outcome = { ofUser: 'own role default', ofClient: 'own', refresh: 'own role default' }

/** Changes by SQL, in which `$1` is the number of the case. A user has the scopes `own`, `role` and `default`, the client all. */
const changes: Record<string, [sql: string[], outcome: Outcome]> = {
  none: [[], everything],
  'the resource is disabled': [["UPDATE resources SET disabled = true WHERE name = 'r' || $1"], nothing],
  'the resource is disabled and enabled': [
    [
      "UPDATE resources SET disabled = true WHERE name = 'r' || $1",
      "UPDATE resources SET disabled = false WHERE name = 'r' || $1",
    ],
    { ...nothing, refresh: 'own role default' },
  ],
  'the resource is deleted': [
    ["DELETE FROM resources WHERE name = 'r' || $1"],
    { ...nothing, refresh: 'invalid_grant' },
  ],
  'the resource is deleted and created again': [
    [
      "DELETE FROM resources WHERE name = 'r' || $1",
      "INSERT INTO resources (id, name, identifier) VALUES (gen_random_uuid(), 'r' || $1, 'urn:r' || $1)",
      "INSERT INTO resource_scopes (name, resource_id) SELECT 'own' || $1, id FROM resources WHERE name = 'r' || $1",
      "INSERT INTO resource_servers (resource_id, client_id) SELECT id, 'server' || $1 FROM resources WHERE name = 'r' || $1",
      "UPDATE users SET scopes = ARRAY['own' || $1] WHERE username = 'user' || $1",
      "UPDATE clients SET scopes = ARRAY['own' || $1] WHERE client_id = 'client' || $1",
    ],
    { ...nothing, refresh: 'invalid_grant' },
  ],
  'the resource gets another identifier': [
    ["UPDATE resources SET identifier = 'urn:moved' || $1 WHERE name = 'r' || $1"],
    { ...nothing, refresh: 'own role default' },
  ],
  'the tokens name users otherwise': [
    ["UPDATE resources SET subject_type = 'username' WHERE name = 'r' || $1"],
    { ...everything, ofUser: null },
  ],
  'the server no longer serves the resource': [
    ["DELETE FROM resource_servers WHERE client_id = 'server' || $1"],
    { ...everything, ofUser: null, ofClient: null },
  ],
  'the resource loses a scope': [
    ["DELETE FROM resource_scopes WHERE name = 'role' || $1"],
    { ...everything, ofUser: 'own default', refresh: 'own default' },
  ],
  'another resource gets a scope': [
    [
      "INSERT INTO resources (id, name, identifier) VALUES (gen_random_uuid(), 'x' || $1, 'urn:x' || $1)",
      "UPDATE resource_scopes SET resource_id = (SELECT id FROM resources WHERE name = 'x' || $1) WHERE name = 'own' || $1",
    ],
    { ofUser: 'role default', ofClient: null, refresh: 'role default' },
  ],
  'a scope is no default any more': [
    ["UPDATE resource_scopes SET by_default = false WHERE name = 'default' || $1"],
    { ...everything, ofUser: 'own role', refresh: 'own role' },
  ],
  'the user loses a scope': [
    ["UPDATE users SET scopes = '{}' WHERE username = 'user' || $1"],
    { ...everything, ofUser: 'role default', refresh: 'role default' },
  ],
  'the user loses the role': [
    ["DELETE FROM user_roles WHERE role = 'role' || $1"],
    { ...everything, ofUser: 'own default', refresh: 'own default' },
  ],
  'the role loses the scope': [
    ["DELETE FROM role_scopes WHERE role = 'role' || $1"],
    { ...everything, ofUser: 'own default', refresh: 'own default' },
  ],
  'the role is deleted': [
    ["DELETE FROM roles WHERE name = 'role' || $1"],
    { ...everything, ofUser: 'own default', refresh: 'own default' },
  ],
  'the client loses scopes': [
    ["UPDATE clients SET scopes = ARRAY['me', 'role' || $1] WHERE client_id = 'client' || $1"],
    { ofUser: 'role', ofClient: null, refresh: 'role' },
  ],
  'the client is disabled': [
    ["UPDATE clients SET disabled = true WHERE client_id = 'client' || $1"],
    { ...nothing, refresh: 'invalid_client' },
  ],
  'the client is deleted': [
    ["DELETE FROM clients WHERE client_id = 'client' || $1"],
    { ...nothing, refresh: 'invalid_client' },
  ],
  'the user must change the password': [
    ["UPDATE users SET password_change_required = true WHERE username = 'user' || $1"],
    { ...everything, ofUser: null, refresh: 'invalid_grant' },
  ],
  'the user is disabled': [
    ["UPDATE users SET disabled = true WHERE username = 'user' || $1"],
    { ...everything, ofUser: null, refresh: 'invalid_grant' },
  ],
  'the user is deleted': [
    ["DELETE FROM users WHERE username = 'user' || $1"],
    { ...everything, ofUser: null, refresh: 'invalid_grant' },
  ],
  'the user has another name': [
    ["UPDATE users SET username = 'renamed' || $1 WHERE username = 'user' || $1"],
    { ...everything, ofUser: null, refresh: 'invalid_grant' },
  ],
  'every role and scope is emptied': [
    ['TRUNCATE user_roles'],
    { ...everything, ofUser: 'own default', refresh: 'own default' },
  ],
}

for (const [index, [change, [statements, outcome]]] of Object.entries(changes).entries())
  t.test(`tokens for a resource when ${change}`, async (t) => {
    const own = await enter(index)
    for (const sql of statements) {
      // The name of a deleted scope is free when nobody has the scope any more.
      if (sql.startsWith('INSERT INTO resource_scopes')) await freeScopeNames(database)
      await query(url, sql.replaceAll('$1', `'${index}'`))
    }
    const toNames = (scope: unknown) => String(scope).replaceAll(String(index), '')
    for (const app of [one, other]) {
      for (const [token, scope] of [
        [own.ofUser, outcome.ofUser],
        [own.ofClient, outcome.ofClient],
      ] as const) {
        const found = await introspect(app, `server${index}`, token)
        t.equal(found.active ? toNames(found.scope) : null, scope)
      }
      t.equal((await as(app, own.ofUser).get('/users/me/')).statusCode, 401)
    }
    const refreshed = await request(other, `client${index}`, {
      grant_type: 'refresh_token',
      refresh_token: own.refresh,
    })
    const claims = refreshed.error ? {} : decode(refreshed.access_token, 1)
    t.equal(refreshed.error ?? toNames(claims.scope), outcome.refresh, 'a refresh')
  })

/** Creates a resource, a user and a client, whose tokens both replicas have cached. */
async function enter(index: number) {
  const scopes = ['own', 'role', 'default'].map((name) => `${name}${index}`)
  const [own = '', ofRole = '', byDefault = ''] = scopes
  const [username, clientId, server] = [`user${index}`, `client${index}`, `server${index}`]
  await storeClient(database, clientId, secret, ['me', ...scopes])
  await storeClient(database, server, secret, [])
  await storeResource(database, {
    ...{ name: `r${index}`, identifier: `urn:r${index}`, scopes },
    ...{ defaultScopes: [byDefault], servers: [server] },
  })
  await database.user.create({ data: { username, hashedPassword: cheapHash, scopes: [own] } })
  await storeRole(database, `role${index}`, [ofRole], [username])
  const login = await request(one, clientId, { ...asUser, username, scope: scopes.join(' ') })
  const ofItself = await request(one, clientId, { ...forItself, scope: own })
  for (const app of [one, other])
    for (const { access_token } of [login, ofItself]) await introspect(app, server, access_token)
  return { ofUser: login.access_token, ofClient: ofItself.access_token, refresh: login.refresh_token }
}

t.test('a token for this service loses a scope that a resource adopts', async (t) => {
  const token = String(tokens['own, with a scope that no resource has']?.access_token)
  for (const app of [one, other])
    t.match(await introspect(app, 'introspector', token), { scope: 'items:read legacy:read' })
  await query(
    url,
    "INSERT INTO resource_scopes (name, resource_id) SELECT 'legacy:read', id FROM resources WHERE name = 'orders'",
  )
  for (const app of [one, other]) {
    t.match(await introspect(app, 'introspector', token), { active: true, scope: 'items:read' })
    t.strictSame(await introspect(app, 'sharer', token), inactive)
  }
  const next = await request(other, 'shop', { ...forItself, scope: 'legacy:read' })
  t.equal(decode(next.access_token, 1).aud, identifiers.orders)
})

t.test('logins for a resource that is deleted meanwhile', async (t) => {
  await storeClient(database, 'racer', secret, ['me', 'race:read'])
  await storeResource(database, {
    ...{ name: 'race', identifier: 'urn:race', scopes: ['race:read'], defaultScopes: ['race:read'] },
    servers: ['orders-api'],
  })
  await one.changes.sync()
  const logins = Array.from({ length: 8 }, () =>
    postTo(one, '/token', { ...asUser, resource: 'urn:race' }, basic('racer', secret)),
  )
  const [responses] = await Promise.all([
    Promise.all(logins),
    query(url, "DELETE FROM resources WHERE name = 'race'"),
  ])
  for (const response of responses) {
    const { access_token: token, error } = response.json<TokenResponse>()
    if (error) t.equal(error, 'invalid_target')
    else t.strictSame(await introspect(other, 'orders-api', token), inactive)
  }
  await until(async function isRemoved() {
    await removeDepartures(database)
    return (await query(url, "SELECT FROM token_families WHERE client_id = 'racer'")).length === 0
  })
})
