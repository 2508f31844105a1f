import { randomUUID } from 'node:crypto'
import type { InjectOptions } from 'fastify'
import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { everyScope, logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction, createUser, until } from '../helpers/replicas.js'
import { storeResource, storeRole } from '../helpers/resources.js'

// Requests in progress while the user or client that they concern is deleted.

const url = await cloneDatabase(t)
const app = await startApp(t, { JWT_SECRET: '' }, url)
const administrator = await createUser(url)
await query(url, "UPDATE users SET scopes = '{users:admin,items:admin}' WHERE username = $1", [administrator])
const adminToken = await logIn(app, administrator, 'secret', everyScope)
await storeClient(app.database, 'service', 'lks_service', ['items:write'])
const service = { client_id: 'service', client_secret: 'lks_service' }
const serviceToken = (
  await postToken(app, { grant_type: 'client_credentials', scope: 'items:write', ...service })
).json<{ access_token: string }>().access_token

/** Creates a user who has one item and is logged in. */
interface Victim {
  username: string
  token: string
  refreshToken: string
}

type Request = (victim: Victim) => InjectOptions

const json = (method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', url: string, payload?: object): InjectOptions => ({
  method,
  url,
  ...(payload && { payload }),
})
const form = (url: string, fields: Record<string, string>): InjectOptions => ({
  method: 'POST',
  url,
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  payload: new URLSearchParams(fields).toString(),
})
const lines = (url: string): InjectOptions => ({
  method: 'POST',
  url,
  headers: { 'content-type': 'application/x-ndjson' },
  payload: '{"item_id":"one"}\n{"item_id":"two"}\n',
})

/** Responses to a deleted user's own requests. */
const own: [what: string, request: Request, status: number][] = [
  ['a new item', () => json('POST', '/users/me/items/', {}), 401],
  [
    'a new item that may be sent again',
    () => ({ ...json('POST', '/users/me/items/', {}), headers: { 'idempotency-key': randomUUID() } }),
    401,
  ],
  ['an item that is put', () => json('PUT', '/users/me/items/new', {}), 401],
  ['an item that is replaced', () => json('PUT', '/users/me/items/first', {}), 401],
  ['a patch of an item', () => json('PATCH', '/users/me/items/first', { title: 'x' }), 404],
  ['a deletion of an item', () => json('DELETE', '/users/me/items/first'), 204],
  ['an import of all', () => lines('/users/me/items/import'), 401],
  ['an import of each', () => lines('/users/me/items/import?mode=each'), 401],
  ['another name', () => json('PATCH', '/users/me/', { full_name: 'x' }), 401],
  [
    'another address',
    ({ username }) => json('PATCH', '/users/me/', { email: `${username}@example.org` }),
    401,
  ],
]

/** Responses to requests of others about a deleted user. */
const others: [what: string, request: Request, status: number][] = [
  ['a new item', ({ username }) => json('POST', `/users/${username}/items/`, {}), 404],
  ['an item that is put', ({ username }) => json('PUT', `/users/${username}/items/new`, {}), 404],
  ['an item that is replaced', ({ username }) => json('PUT', `/users/${username}/items/first`, {}), 404],
  ['an import', ({ username }) => lines(`/users/${username}/items/import`), 404],
]

/** Requests whose response after a deletion may be any but a 500. */
const anybodys: [what: string, request: Request][] = [
  [
    'another password',
    () => json('PUT', '/users/me/password', { old_password: 'secret', new_password: 'correct horse' }),
  ],
  ['a deletion', () => json('DELETE', '/users/me/', { password: 'secret' })],
  ['a login', ({ username }) => form('/token', { username, password: 'secret' })],
  [
    'an OAuth login',
    ({ username }) => form('/token', { grant_type: 'password', username, password: 'secret' }),
  ],
  [
    'a refresh',
    ({ refreshToken }) => form('/token', { grant_type: 'refresh_token', refresh_token: refreshToken }),
  ],
  ['a revocation', ({ token }) => form('/revoke', { token })],
  ['a revocation of a refresh token', ({ refreshToken }) => form('/revoke', { token: refreshToken })],
  ['an introspection', ({ token }) => form('/introspect', { token, ...service })],
  [
    'a forgotten password',
    ({ username }) => json('POST', '/account/forgot-password', { email: `${username}@example.com` }),
  ],
  [
    'a registration',
    ({ username }) =>
      json('POST', '/users/', { username, password: 'correct horse', email: `${username}@example.com` }),
  ],
]

const administrators: [what: string, request: Request][] = [
  ['a lock-out', ({ username }) => json('PATCH', `/users/${username}/`, { disabled: true })],
  ['a deletion', ({ username }) => json('DELETE', `/users/${username}/`)],
]

async function makeVictim(): Promise<Victim> {
  const username = await createUser(url)
  await query(url, "UPDATE users SET email = username || '@example.com' WHERE username = $1", [username])
  const answer = await postToken(app, { grant_type: 'password', username, password: 'secret' })
  const { access_token: token, refresh_token: refreshToken } = answer.json<{
    access_token: string
    refresh_token: string
  }>()
  await as(app, token).post('/users/me/items/', { item_id: 'first' })
  return { username, token, refreshToken }
}

/** Sends a request during an uncommitted deletion, and commits it when the request waits for it or has ended. */
async function overtake(t: Test, deletion: string, request: InjectOptions, token: string) {
  await app.changes.sync()
  const change = await beginTransaction(t, url, deletion)
  let isOver = false
  const answering = app
    .inject({ ...request, headers: { authorization: `Bearer ${token}`, ...request.headers } })
    .finally(() => {
      isOver = true
    })
  await until('the request to wait or to be over', async () => {
    const waiting = await query(
      url,
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
    )
    return isOver || waiting.length > 0
  })
  await change.query('COMMIT')
  return answering
}

const deletionOf = ({ username }: Victim) => `DELETE FROM users WHERE username = '${username}'`

for (const [what, request, status] of own)
  t.test(`${what} of a user who is being deleted`, async (t) => {
    const victim = await makeVictim()
    const answer = await overtake(t, deletionOf(victim), request(victim), victim.token)
    t.equal(answer.statusCode, status, answer.body)
    if (status === 401)
      t.same(answer.json(), { detail: 'Could not validate credentials', code: 'invalid_token' })
  })

for (const [by, token] of [
  ['an administrator', adminToken],
  ['a client', serviceToken],
] as const)
  for (const [what, request, status] of others)
    t.test(`${what} by ${by} for a user who is being deleted`, async (t) => {
      const victim = await makeVictim()
      const answer = await overtake(t, deletionOf(victim), request(victim), token)
      t.equal(answer.statusCode, status, answer.body)
    })

t.test('no other request is a 500 while its user is being deleted', async (t) => {
  for (const [requests, token] of [
    [anybodys, null],
    [administrators, adminToken],
  ] as const)
    for (const [what, request] of requests) {
      const victim = await makeVictim()
      const answer = await overtake(t, deletionOf(victim), request(victim), token ?? victim.token)
      t.ok(answer.statusCode < 500, `${what}: ${answer.statusCode} ${answer.body}`)
    }
})

t.test('an invitation by an administrator who is being deleted', async (t) => {
  const username = await createUser(url)
  await query(url, "UPDATE users SET scopes = '{users:admin}' WHERE username = $1", [username])
  const token = await logIn(app, username, 'secret', 'users:admin')
  const deletion = `DELETE FROM users WHERE username = '${username}'`
  t.equal((await overtake(t, deletion, json('POST', '/invitations/'), token)).statusCode, 401)
})

t.test('a login whose client is being deleted', async (t) => {
  const spa = { clientId: 'spa', name: 'spa', confidential: false, scopes: ['me'] }
  const { username, refreshToken } = await makeVictim()
  const credentials = { username, password: 'secret' }
  const deletion = (clientId: string) => `DELETE FROM clients WHERE client_id = '${clientId}'`
  await app.database.client.create({ data: { ...spa, grants: ['password', 'refresh_token'] } })
  const named = form('/token', { grant_type: 'password', client_id: 'spa', ...credentials })
  const answer = await overtake(t, deletion('spa'), named, '')
  t.equal(answer.statusCode, 401)
  t.match(answer.json(), { error: 'invalid_client' })

  const refreshing = form('/token', { grant_type: 'refresh_token', refresh_token: refreshToken })
  t.equal((await overtake(t, 'SELECT', refreshing, '')).statusCode, 200)
  const unnamed = await overtake(t, deletion('first-party'), form('/token', credentials), '')
  t.equal(unnamed.statusCode, 401)
  t.same(unnamed.json(), { detail: 'Client authentication failed' })
})

t.test(
  'every foreign key has a response, but for those to status lists, which are deleted when nothing adds to them',
  async (t) => {
    const keys = await query<{ conname: string }>(
      url,
      "SELECT conname FROM pg_constraint WHERE contype = 'f' AND confrelid <> 'status_lists'::regclass",
    )
    t.ok(keys.length >= 6)
    for (const { conname } of keys)
      t.match(
        conname,
        /_((owner|user|client|family|resource)_id|role)_fkey$/,
        'see the deletions of src/http/error-handler.ts',
      )
  },
)

t.test('a command about a client, resource or role that is being deleted', async (t) => {
  await storeClient(app.database, 'gone', 'lks_gone')
  await storeResource(app.database, { name: 'gone', identifier: 'urn:gone', scopes: [] })
  await storeRole(app.database, 'gone', [])
  for (const [deletion, args] of [
    ["DELETE FROM clients WHERE client_id = 'gone'", ['clients', 'rotate-secret', 'gone']],
    ["DELETE FROM resources WHERE name = 'gone'", ['resources', 'disable', 'gone']],
    ["DELETE FROM roles WHERE name = 'gone'", ['roles', 'set-scopes', 'gone', '--scope', '']],
  ] as const) {
    const change = await beginTransaction(t, url, deletion)
    const running = runCommand(url, [...args])
    await until('the command to wait', async () => {
      const waiting = await query(
        url,
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      )
      return waiting.length > 0
    })
    await change.query('COMMIT')
    t.match(await running, { status: 3, stderr: 'latchkey: it was deleted concurrently\n' }, args.join(' '))
  }
})
