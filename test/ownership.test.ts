import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { everyScope, logIn, postToken, startApp } from './helpers/app.js'
import { as } from './helpers/client.js'
import { runCommand } from './helpers/command.js'
import { cloneDatabase } from './helpers/database.js'
import { storeResource } from './helpers/resources.js'

const callers = [
  'none',
  'other',
  'disabled',
  'administrator',
  'service',
  'service without scope',
  'expired',
  'revoked',
  'administrator, at another resource',
  'service, at another resource',
] as const

/** Outcome of a request: refused with a status, refused as inactive, or past the guard. */
type Outcome = 401 | 403 | 'inactive' | 'pass'

const isOpen: Outcome[] = callers.map(() => 'pass')
const forUsers: Outcome[] = [401, 'pass', 'inactive', 'pass', 401, 401, 401, 401, 401, 401]
const forAdministrators: Outcome[] = [401, 403, 'inactive', 'pass', 401, 401, 401, 401, 401, 401]
const forDelegates: Outcome[] = [401, 403, 'inactive', 'pass', 'pass', 403, 401, 401, 401, 401]

/** Outcome of every operation for each kind of caller. */
const table: Record<string, Outcome[]> = {
  'GET /': isOpen,
  'GET /livez': isOpen,
  'GET /readyz': isOpen,
  'GET /.well-known/jwks.json': isOpen,
  'GET /.well-known/oauth-authorization-server': isOpen,
  'GET /.well-known/oauth-protected-resource': isOpen,
  'GET /status-lists': isOpen,
  'GET /status-lists/{id}': isOpen,
  'POST /token': isOpen,
  'POST /revoke': isOpen,
  'POST /introspect': isOpen,
  'GET /verify': [401, 'pass', 401, 'pass', 'pass', 'pass', 401, 401, 401, 401],
  'POST /users/': isOpen,
  'POST /account/check-link': isOpen,
  'POST /account/confirm-email': isOpen,
  'POST /account/forgot-password': isOpen,
  'POST /account/reset-password': isOpen,
  'GET /users/me/': forUsers,
  'PATCH /users/me/': forUsers,
  'DELETE /users/me/': forUsers,
  'PUT /users/me/password': forUsers,
  'GET /users/me/items/': forUsers,
  'POST /users/me/items/': forUsers,
  'GET /users/me/items/{item_id}': forUsers,
  'PUT /users/me/items/{item_id}': forUsers,
  'PATCH /users/me/items/{item_id}': forUsers,
  'DELETE /users/me/items/{item_id}': forUsers,
  'GET /users/{username}/items/': forDelegates,
  'POST /users/{username}/items/': forDelegates,
  'GET /users/{username}/items/{item_id}': forDelegates,
  'PUT /users/{username}/items/{item_id}': forDelegates,
  'PATCH /users/{username}/items/{item_id}': forDelegates,
  'DELETE /users/{username}/items/{item_id}': forDelegates,
  'GET /users/': forAdministrators,
  'GET /users/{username}/': forAdministrators,
  'PUT /users/{username}/': forAdministrators,
  'PUT /users/{username}/password': forAdministrators,
  'PATCH /users/{username}/': forAdministrators,
  'DELETE /users/{username}/': forAdministrators,
  'GET /users/me/events/': forUsers,
  'GET /events/': forAdministrators,
  'GET /users/me/items/export': forUsers,
  'POST /users/me/items/import': forUsers,
  'GET /users/{username}/items/export': forDelegates,
  'POST /users/{username}/items/import': forDelegates,
  'POST /invitations/': forAdministrators,
  'GET /resources/': forAdministrators,
  'POST /resources/': forAdministrators,
  'GET /resources/{name}': forAdministrators,
  'PATCH /resources/{name}': forAdministrators,
  'DELETE /resources/{name}': forAdministrators,
  'GET /roles/': forAdministrators,
  'POST /roles/': forAdministrators,
  'GET /roles/{name}': forAdministrators,
  'PATCH /roles/{name}': forAdministrators,
  'DELETE /roles/{name}': forAdministrators,
  'PUT /users/{username}/roles/{role}': forAdministrators,
  'DELETE /users/{username}/roles/{role}': forAdministrators,
}

const password = 'correct horse'

t.test('every operation admits exactly the callers in the table', async (t) => {
  const { app, url } = await start(t)
  const { paths } = (await app.inject('/openapi.json')).json<{ paths: Record<string, object> }>()
  const operations = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.keys(verbs).map((verb) => `${verb.toUpperCase()} ${path}`),
  )
  t.same(operations.sort(), Object.keys(table).sort(), 'the table has every operation')

  const tokens = await issueTokens(app, url)
  for (const [operation, outcomes] of Object.entries(table))
    for (const [i, caller] of callers.entries())
      t.equal(await outcomeOf(app, operation, tokens[caller]), outcomes[i], `${operation} as ${caller}`)
})

t.test('an item of another user looks like one that does not exist', async (t) => {
  const { app } = await start(t)
  const bob = await logIn(app, 'bob', password)
  for (const [method, body] of [
    ['GET', undefined],
    ['PATCH', {}],
    ['DELETE', undefined],
  ] as const) {
    const [foreign, absent] = await Promise.all(
      ['Foo', 'Absent'].map((id) => as(app, bob).send(method, `/users/me/items/${id}`, body)),
    )
    t.equal(foreign?.statusCode, 404)
    t.equal(foreign?.body, absent?.body)
    t.same(Object.keys(foreign?.headers ?? {}), Object.keys(absent?.headers ?? {}))
  }
  const johndoe = await logIn(app, 'johndoe', 'secret')
  t.equal((await as(app, johndoe).get('/users/me/items/Foo')).statusCode, 200, 'it still exists')
  t.equal((await as(app, bob).put('/users/me/items/Foo', {})).statusCode, 201, 'each owner has their own ids')
  t.match((await as(app, johndoe).get('/users/me/items/Foo')).json(), { owner: 'johndoe', version: 1 })
})

/** Starts the service with two more users: bob, and ann, who is an administrator. */
async function start(t: Test) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '' }, url)
  for (const username of ['bob', 'ann']) await as(app, null).post('/users/', { username, password })
  await runCommand(url, ['users', 'set-scopes', 'ann', '--scope', 'users:admin items:admin'])
  return { app, url }
}

async function issueTokens(
  app: FastifyInstance,
  url: string,
): Promise<Record<(typeof callers)[number], string | null>> {
  await storeResource(app.database, {
    ...{ name: 'orders', identifier: 'https://orders.example', scopes: ['orders:read'] },
    ...{ defaultScopes: ['orders:read'], subjectType: 'username' },
  })
  const service = async (id: string, scope: string, resource?: string) => {
    const made = await runCommand(url, ['clients', 'create', id, '--name', id, '--scope', scope, '--json'])
    const { client_secret } = JSON.parse(made.stdout) as { client_secret: string }
    const form = {
      ...{ grant_type: 'client_credentials', client_id: id, client_secret },
      ...(resource && { resource }),
    }
    return (await postToken(app, form)).json<{ access_token: string }>().access_token
  }
  const revoked = await logIn(app, 'johndoe', 'secret')
  await app.inject({
    method: 'POST',
    url: '/revoke',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `token=${revoked}`,
  })
  return {
    none: null,
    other: await logIn(app, 'bob', password),
    disabled: await logIn(app, 'alice', 'secret2'),
    administrator: await logIn(app, 'ann', password, everyScope),
    service: await service('delegate', 'items:read items:write'),
    'service without scope': await service('stranger', 'users:admin items:admin'),
    expired: await expiredToken(url),
    revoked,
    'administrator, at another resource': await logInAtOrders(app),
    'service, at another resource': await service('shop', 'items:read orders:read', 'https://orders.example'),
  }
}

/** Returns a token of the administrator for the resource, of a login that has every scope. */
async function logInAtOrders(app: FastifyInstance): Promise<string> {
  const where = { clientId: 'first-party' }
  await app.database.client.update({ where, data: { scopes: { push: 'orders:read' } } })
  const form = {
    ...{ grant_type: 'password', username: 'ann', password, resource: 'https://orders.example' },
    scope: `${everyScope} orders:read`,
  }
  return (await postToken(app, form)).json<{ access_token: string }>().access_token
}

/** Returns an expired token of johndoe. */
async function expiredToken(url: string): Promise<string> {
  const realNow = Date.now
  const { buildApp } = await import('../src/app.js')
  const { loadConfig } = await import('../src/config/index.js')
  const { openDatabase } = await import('../src/database/client.js')
  const config = loadConfig({ LOG_LEVEL: 'silent', BCRYPT_COST: '4' })
  const app = await buildApp(config, openDatabase(config, url))
  Date.now = () => realNow() - 3_600_000
  const token = await logIn(app, 'johndoe', 'secret').finally(() => {
    Date.now = realNow
  })
  await app.close()
  return token
}

/** Returns the outcome of a request. Its body is empty, so that a caller who passes the guard changes nothing. */
async function outcomeOf(app: FastifyInstance, operation: string, token: string | null): Promise<Outcome> {
  const [method, path = ''] = operation.split(' ') as ['GET', string]
  const url = path
    .replace('{username}', 'johndoe')
    .replace('{item_id}', 'absent')
    .replace(/\{(name|role)\}/, 'absent')
  const isRemoval = operation === 'DELETE /users/{username}/'
  const response = await as(app, token).send(
    method,
    isRemoval ? '/users/absent/' : url,
    method === 'GET' ? undefined : {},
  )
  const isJson = String(response.headers['content-type']).startsWith('application/json')
  const { detail } = isJson ? (response.json() as { detail?: unknown }) : {}
  if (detail === 'Inactive user') return 'inactive'
  return response.statusCode === 401 || response.statusCode === 403 ? response.statusCode : 'pass'
}
