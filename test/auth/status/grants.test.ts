import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { basic, decode } from '../../conformance/server.js'
import { query } from '../../database/query.js'
import { postToken, startApp, untilConnected } from '../../helpers/app.js'
import { storeClient } from '../../helpers/clients.js'
import { cloneDatabase } from '../../helpers/database.js'
import { storeResource } from '../../helpers/resources.js'
import { entryOf } from '../../helpers/status.js'

const secret = 'the secret of every client'
const issuer = 'https://auth.example'
const tutorialLogin = { username: 'johndoe', password: 'secret' }
const login = { grant_type: 'password', ...tutorialLogin }
const forItself = { grant_type: 'client_credentials' }

interface TokenResponse {
  access_token: string
  refresh_token: string
}

/** Starts a service with a client `shop`, and a resource whose tokens live for two hours. */
async function start(t: Test, settings: Record<string, string> = {}) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '', ISSUER: issuer, ...settings }, url)
  await untilConnected(app)
  await storeResource(app.database, {
    ...{ name: 'reports', identifier: 'urn:reports', scopes: ['reports:read'] },
    ...{ defaultScopes: ['reports:read'], tokenTtlSeconds: 7_200 },
  })
  await storeClient(app.database, 'shop', secret, ['me', 'items:read', 'reports:read'])
  return { url, app }
}

async function request(app: FastifyInstance, form: Record<string, string>): Promise<TokenResponse> {
  const response = await postToken(app, form, 'grant_type' in form ? basic('shop', secret) : {})
  if (response.statusCode !== 200) throw new Error(response.body)
  return response.json<TokenResponse>()
}

const refresh = (refreshToken: string) => ({ grant_type: 'refresh_token', refresh_token: refreshToken })

/** Requests tokens of this service by every grant. */
async function requestOwn(app: FastifyInstance): Promise<Record<string, string>> {
  const tutorial = await request(app, tutorialLogin)
  const first = await request(app, { ...login, scope: 'me items:read' })
  const next = await request(app, refresh(first.refresh_token))
  const repeated = await request(app, refresh(first.refresh_token))
  const credentials = await request(app, forItself)
  const again = await request(app, forItself)
  return {
    tutorial: tutorial.access_token,
    first: first.access_token,
    next: next.access_token,
    repeated: repeated.access_token,
    credentials: credentials.access_token,
    again: again.access_token,
  }
}

/** Requests tokens of every audience by every grant. */
async function requestAll(app: FastifyInstance): Promise<Record<string, string>> {
  const ofResource = await request(app, { ...login, resource: 'urn:reports' })
  const long = await request(app, { ...forItself, resource: 'urn:reports' })
  return { ...(await requestOwn(app)), ofResource: ofResource.access_token, long: long.access_token }
}

t.test('the tokens of every grant name an entry of their own', async (t) => {
  const { url, app } = await start(t)
  const tokens = await requestAll(app)
  const entries = Object.values(tokens).map((token) => {
    const { listId, index } = entryOf(token) ?? {}
    return `${listId} ${index}`
  })
  t.equal(new Set(entries).size, entries.length)
  const classes = await query<{ id: string; class: number }>(url, 'SELECT id, class FROM status_lists')
  for (const [name, token] of Object.entries(tokens)) {
    const { status } = decode(token, 1) as { status: { status_list: { idx: number; uri: string } } }
    t.same(Object.keys(status), ['status_list'], name)
    const { idx, uri, ...others } = status.status_list
    t.same(others, {}, name)
    t.ok(Number.isInteger(idx) && idx >= 0 && idx < 2 ** 20, name)
    const list = classes.find(({ id }) => uri === `${issuer}/status-lists/${id}`)
    t.equal(list?.class, name === 'long' || name === 'ofResource' ? 1 : 0, name)
  }
})

t.test('a token for nobody names no entry', async (t) => {
  const { url, app } = await start(t)
  const { access_token } = await request(app, { username: 'alice', password: 'secret2' })
  t.equal(decode(access_token, 1).aud, 'latchkey:nobody')
  t.equal(entryOf(access_token), null)
  t.same(await query(url, 'SELECT FROM status_blocks'), [])
})

t.test('a login that must change its password has an entry too', async (t) => {
  const { url, app } = await start(t)
  await query(url, 'UPDATE users SET password_change_required = true')
  const { access_token } = await request(app, tutorialLogin)
  t.equal(decode(access_token, 1).scope, 'account:password')
  t.ok(entryOf(access_token))
})

for (const [what, settings] of [
  ['with a shared secret', { JWT_SECRET: 'a shared secret of at least thirty-two bytes', ISSUER: '' }],
  ['when that is switched off', { STATUS_LISTS: 'false' }],
] as const)
  t.test(`no token names an entry ${what}, and none is stored`, async (t) => {
    const { url, app } = await start(t, settings)
    for (const [name, token] of Object.entries(await requestOwn(app))) t.equal(entryOf(token), null, name)
    for (const table of ['status_lists', 'status_blocks', 'status_entries'])
      t.same(await query(url, `SELECT FROM ${table}`), [], table)
  })

t.test('an entry costs no statement, but for a repeated refresh', async (t) => {
  const counts = []
  for (const STATUS_LISTS of ['true', 'false']) {
    const { app } = await start(t, { STATUS_LISTS })
    await requestAll(app)
    counts.push(await countStatements(app))
  }
  const [withLists = {}, without = {}] = counts
  const { repeated, ...others } = withLists
  const { repeated: before, ...othersBefore } = without
  t.same(others, othersBefore)
  t.equal(others.credentials, 0)
  t.ok(Number(others.password) > 0, 'statements are counted')
  t.equal(repeated, Number(before) + 1, 'the entry of a repeated refresh is stored')
})

for (const [what, change, status, expected] of [
  ['the client is disabled', 'UPDATE clients SET disabled = true', 401, { error: 'invalid_client' }],
  ['the client is deleted', "DELETE FROM clients WHERE client_id = 'shop'", 401, { error: 'invalid_client' }],
  [
    'the grant is taken away',
    "UPDATE clients SET grants = '{}', scopes = '{me}'",
    401,
    { error: 'invalid_client' },
  ],
  ['all tokens are revoked', 'UPDATE clients SET generation = generation + 1', 503, {}],
  ['a scope is taken away', "UPDATE clients SET scopes = '{me}'", 200, { scope: 'me' }],
  ['another resource gets the scope', 'DELETE FROM resources', 200, { scope: 'me items:read' }],
] as const)
  t.test(`it is decided again when ${what} before an entry is leased`, async (t) => {
    const { url, app } = await start(t)
    await request(app, { ...forItself, scope: 'me' })
    await beforeLease(app, () => query(url, change))
    const answer = await postToken(app, forItself, basic('shop', secret))
    t.equal(answer.statusCode, status)
    t.match(answer.json(), expected)
  })

t.test('a client that changes again and again gets an error that passes', async (t) => {
  const { url, app } = await start(t)
  const change =
    "UPDATE clients SET scopes = CASE WHEN 'me' = ANY (scopes) THEN '{items:read}' ELSE '{me}' END::varchar[]"
  await beforeLease(app, () => query(url, change))
  const answer = await postToken(app, forItself, basic('shop', secret))
  t.equal(answer.statusCode, 503)
})

/** Changes something before each lease of entries. */
async function beforeLease(app: FastifyInstance, change: () => Promise<unknown>): Promise<void> {
  const { pool } = app.database
  const execute = pool.query.bind(pool)
  Object.assign(pool, {
    async query(...given: Parameters<typeof execute>) {
      if (given[0].text?.includes('INSERT INTO status_blocks')) await change()
      return execute(...given)
    },
  })
}

/** Returns the number of statements of each grant, with what is cached. */
async function countStatements(app: FastifyInstance): Promise<Record<string, number>> {
  Object.assign(app.changes, { isFresh: () => true })
  const counting = new AsyncLocalStorage<string[]>()
  const { pool } = app.database
  const execute = pool.query.bind(pool) as (...given: unknown[]) => unknown
  Object.assign(pool, {
    query(...given: unknown[]) {
      counting.getStore()?.push(JSON.stringify(given[0]))
      return execute(...given)
    },
  })
  async function countOf<T>(run: () => Promise<T>): Promise<[number, T]> {
    const statements: string[] = []
    const result = await counting.run(statements, run)
    return [statements.length, result]
  }
  const [tutorial] = await countOf(() => request(app, tutorialLogin))
  const [password, first] = await countOf(() => request(app, { ...login, scope: 'me items:read' }))
  const [next] = await countOf(() => request(app, refresh(first.refresh_token)))
  const [repeated] = await countOf(() => request(app, refresh(first.refresh_token)))
  const [resource] = await countOf(() => request(app, { ...login, resource: 'urn:reports' }))
  const [credentials] = await countOf(() => request(app, forItself))
  return { tutorial, password, next, repeated, resource, credentials }
}
