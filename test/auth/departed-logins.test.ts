import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { findSessionOwner, listSessions } from '../../src/auth/store/sessions.js'
import { removeDepartures } from '../../src/database/departures.js'
import { basic, postTo } from '../conformance/server.js'
import { query } from '../database/query.js'
import { postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction, cheapHash } from '../helpers/replicas.js'
import { storeResource } from '../helpers/resources.js'

// Tokens of a user, client or resource that was deleted, while the rows of their logins are still stored.

const secret = 'the secret of every client'
const orders = 'https://orders.example'
const billing = 'urn:billing'

interface Tokens {
  access_token: string
  refresh_token: string
  error?: string
}

/** Starts the service, with two logins of alice: one for this service, and one for `orders` that is then used for `billing`. */
async function start(t: Test) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '' }, url)
  const { database } = app
  await storeClient(database, 'shop', secret, ['me', 'items:read', 'orders:read', 'bills:read'])
  await storeClient(database, 'introspector', secret, [], ['introspect'])
  for (const [name, identifier, scope] of [
    ['orders', orders, 'orders:read'],
    ['billing', billing, 'bills:read'],
  ] as const)
    await storeResource(database, {
      name,
      identifier,
      scopes: [scope],
      defaultScopes: [scope],
      servers: ['introspector'],
    })
  await query(
    url,
    `UPDATE users SET hashed_password = '${cheapHash}', disabled = false, rehashed_at = now() WHERE username = 'alice'`,
  )
  const own = await request(app, { grant_type: 'password', ...alice, scope: 'me items:read' })
  const first = { grant_type: 'password', ...alice, scope: 'orders:read bills:read', resource: orders }
  const ofOrders = await request(app, first)
  const ofBilling = await refresh(app, ofOrders, { resource: billing })
  return { url, app, own, ofOrders, ofBilling }
}

const alice = { username: 'alice', password: 'secret' }

async function request(app: FastifyInstance, form: Record<string, string>): Promise<Tokens> {
  return (await postToken(app, form, basic('shop', secret))).json<Tokens>()
}

function refresh(app: FastifyInstance, { refresh_token }: Tokens, form = {}): Promise<Tokens> {
  return request(app, { grant_type: 'refresh_token', refresh_token, ...form })
}

type Service = Awaited<ReturnType<typeof start>>

/** Returns which doors accept the tokens. A refresh that is accepted replaces its token. */
async function openDoors(service: Service): Promise<string[]> {
  const { app, own, ofOrders, ofBilling } = service
  const open: [door: string, isOpen: boolean][] = []
  const { access_token: token } = own
  open.push(['guard', (await as(app, token).get('/users/me/')).statusCode === 200])
  for (const [name, access, target] of [
    ['verify', token, ''],
    ['verify of orders', ofOrders.access_token, `?resource=${orders}`],
    ['verify of billing', ofBilling.access_token, `?resource=${billing}`],
  ] as const)
    open.push([name, (await as(app, access).get(`/verify${target}`)).statusCode === 204])
  for (const [name, described, client] of [
    ['introspection', token, 'introspector'],
    ['introspection of orders', ofOrders.access_token, 'introspector'],
    ['introspection of billing', ofBilling.access_token, 'introspector'],
    ['introspection of a refresh token', own.refresh_token, 'shop'],
    ['introspection of the refresh token of orders', ofBilling.refresh_token, 'shop'],
  ] as const) {
    const answer = await postTo(app, '/introspect', { token: described }, basic(client, secret))
    open.push([name, answer.json<{ active?: boolean }>().active === true])
  }
  const sessions = await listSessions({ username: null, clientId: null, limit: 100 }, app.database)
  open.push(['sessions', sessions.length === 2])
  open.push(['sessions of orders', sessions.some(({ scope }) => scope.includes('bills:read'))])
  const refreshed = await refresh(app, own)
  if ('access_token' in refreshed) service.own = refreshed
  open.push(['refresh', 'access_token' in refreshed])
  open.push(['refresh of orders', 'access_token' in (await refresh(app, ofBilling, { resource: billing }))])
  return open.flatMap(([door, isOpen]) => (isOpen ? [door] : []))
}

const ofThisService = ['guard', 'verify', 'introspection', 'introspection of a refresh token', 'refresh']
const all = [
  'guard',
  'verify',
  'verify of orders',
  'verify of billing',
  'introspection',
  'introspection of orders',
  'introspection of billing',
  'introspection of a refresh token',
  'introspection of the refresh token of orders',
  'sessions',
  'sessions of orders',
  'refresh',
  'refresh of orders',
]

t.test('every door accepts the tokens of these logins', async (t) => {
  t.same(await openDoors(await start(t)), all)
})

type Deletion = (service: Service) => Promise<unknown>

const deleteUser: Deletion = ({ url }) => query(url, "DELETE FROM users WHERE username = 'alice'")
const deleteClient: Deletion = ({ url }) => query(url, "DELETE FROM clients WHERE client_id = 'shop'")

const deletions: [what: string, deletion: Deletion, doors: string[]][] = [
  ['the user', deleteUser, []],
  [
    'the user, whose name SQL gives to another',
    async (service) => {
      await deleteUser(service)
      await query(
        service.url,
        `INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), 'alice', '${cheapHash}')`,
      )
    },
    [],
  ],
  ['the client', deleteClient, []],
  [
    'the client, whose id another gets',
    async (service) => {
      await deleteClient(service)
      await storeClient(service.app.database, 'shop', secret, ['me', 'items:read', 'bills:read'])
    },
    [],
  ],
  [
    'the client, which gets another id',
    ({ url }) => query(url, "UPDATE clients SET client_id = 'store' WHERE client_id = 'shop'"),
    [],
  ],
  [
    'the resource of the login',
    ({ url }) => query(url, "DELETE FROM resources WHERE name = 'orders'"),
    ofThisService,
  ],
]

for (const [what, deletion, doors] of deletions)
  t.test(`no door accepts the tokens of a login after the deletion of ${what}`, async (t) => {
    const service = await start(t)
    const { url, app, ofOrders } = service
    const { database } = app
    const [login] = await query<{ id: string }>(
      url,
      'SELECT id FROM token_families WHERE resource_id IS NOT NULL',
    )
    const isPresent = "SELECT FROM token_families WHERE scope LIKE '%bills%'"
    // The removal passes over locked rows, and no other statement waits for this lock.
    const keeping = await beginTransaction(t, url, 'SELECT FROM token_families FOR KEY SHARE')
    await deletion(service)
    await app.changes.sync()
    await removeDepartures(database)
    t.equal((await query(url, isPresent)).length, 1, 'the rows are still there')
    t.same(await openDoors(service), doors)
    if (!what.includes('another gets')) t.equal(await findSessionOwner(String(login?.id), database), null)
    const revocation = await postTo(app, '/revoke', { token: ofOrders.refresh_token }, basic('shop', secret))
    t.ok(revocation.statusCode === 200 || revocation.statusCode === 401, revocation.body)

    await keeping.query('ROLLBACK')
    await removeDepartures(database)
    t.equal((await query(url, isPresent)).length, 0, 'the rows are removed')
    t.same(await openDoors(service), doors)
  })
