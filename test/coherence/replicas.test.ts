import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { query } from '../database/query.js'
import { storeClient } from '../helpers/clients.js'
import { cloneDatabase, setDefaults } from '../helpers/database.js'
import { plainDefaults } from '../helpers/hostile.js'
import { startProxy } from '../helpers/proxy.js'
import {
  type Answer,
  askWho,
  createUser,
  logIn,
  postForm,
  type Replicas,
  receiveChanges,
  startReplica,
  startReplicas,
  until,
} from '../helpers/replicas.js'
import type { Service } from '../helpers/service.js'

// Callers in the cache of one process, while another process or an operator changes them.

const replicas = await startReplicas(t)
const { one, other, url } = replicas

/** Sends JSON as the bearer of a token. */
async function send({ origin }: Service, token: string, method: string, path: string, body?: object) {
  const response = await fetch(`${origin}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  })
  return response.status
}

/** Creates a user who is logged in, and whom both replicas have cached. */
async function enter(t: Test, { one, other, url }: Replicas = replicas) {
  const username = await createUser(url)
  const { access_token: token, refresh_token: refreshToken } = await logIn(one, username)
  await fillCache(t, [one, other], token)
  return { username, token, refreshToken }
}

/** Sends enough requests to make the services cache the caller, which cannot be observed from outside. */
async function fillCache(t: Test, services: Service[], token: string): Promise<void> {
  for (const service of services)
    for (let times = 0; times < 5; times++) t.equal((await askWho(service, token)).status, 200)
}

const administrator = await createUser(url)
await query(url, "UPDATE users SET scopes = '{users:admin}' WHERE username = $1", [administrator])
const { access_token: adminToken } = await logIn(one, administrator, 'secret', 'users:admin')

type Caller = Awaited<ReturnType<typeof enter>>

const endings: [what: string, end: (caller: Caller) => Promise<unknown>, status: number][] = [
  [
    'disables',
    ({ username }) => send(one, adminToken, 'PATCH', `/users/${username}/`, { disabled: true }),
    400,
  ],
  ['deletes', ({ username }) => send(one, adminToken, 'DELETE', `/users/${username}/`), 401],
  [
    'forces a new password on',
    ({ username }) =>
      send(one, adminToken, 'PATCH', `/users/${username}/`, { password_change_required: true }),
    403,
  ],
  [
    'changes the password of',
    ({ token }) =>
      send(one, token, 'PUT', '/users/me/password', {
        old_password: 'secret',
        new_password: 'correct horse',
      }),
    401,
  ],
  [
    'deletes, on their own request,',
    ({ token }) => send(one, token, 'DELETE', '/users/me/', { password: 'secret' }),
    401,
  ],
  ['revokes the access token of', ({ token }) => postForm(one, '/revoke', { token }), 401],
  [
    'revokes the refresh token of',
    ({ refreshToken }) => postForm(one, '/revoke', { token: refreshToken }),
    401,
  ],
]

for (const [what, end, status] of endings)
  t.test(
    `a replica that ${what} a user refuses them at once, and the other one after the invalidation`,
    async (t) => {
      const caller = await enter(t)
      await end(caller)
      t.equal((await askWho(one, caller.token)).status, status)
      await receiveChanges(other)
      t.equal((await askWho(other, caller.token)).status, status)
    },
  )

t.test('reuse of a refresh token ends its family, on the same replica at once', async (t) => {
  const strict = await startReplica(t, url, { REFRESH_TOKEN_GRACE_SECONDS: '0' })
  const { token, refreshToken } = await enter(t, { ...replicas, other: strict })
  const use = () => postForm(strict, '/token', { grant_type: 'refresh_token', refresh_token: refreshToken })
  t.equal((await use()).status, 200)
  t.equal((await use()).status, 400)
  t.equal((await askWho(strict, token)).status, 401)
  await receiveChanges(one)
  t.equal((await askWho(one, token)).status, 401)
})

const statements: [what: string, sql: string, expected: number | object][] = [
  ['a disabling', 'UPDATE users SET disabled = true WHERE username = $1', 400],
  ['a deletion', 'DELETE FROM users WHERE username = $1', 401],
  ['another full name', "UPDATE users SET full_name = 'Jane' WHERE username = $1", { full_name: 'Jane' }],
  [
    'another address',
    "UPDATE users SET email = username || '@example.com' WHERE username = $1",
    { email: /@example/ },
  ],
  [
    'an end of the family',
    'UPDATE token_families SET revoked_at = now() WHERE user_id = (SELECT id FROM users WHERE username = $1)',
    401,
  ],
  [
    'a removal of the family',
    'DELETE FROM token_families WHERE user_id = (SELECT id FROM users WHERE username = $1)',
    401,
  ],
]

for (const [what, sql, expected] of statements)
  t.test(`${what} by hand shows on both replicas after the invalidation`, async (t) => {
    const { username, token } = await enter(t)
    await query(url, sql, [username])
    for (const service of [one, other]) {
      await receiveChanges(service)
      const { status, body } = await askWho(service, token)
      if (typeof expected === 'number') t.equal(status, expected)
      else t.match({ status, body }, { status: 200, body: expected })
    }
  })

t.test('a disabled client can neither get nor introspect tokens', async (t) => {
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  await storeClient(database, 'reports', 'lks_reports')
  const credentials = { client_id: 'reports', client_secret: 'lks_reports' }
  const ask = (service: Service) =>
    postForm(service, '/token', { grant_type: 'client_credentials', ...credentials })
  const tokens: Answer[] = []
  for (const service of [one, other, one, other]) tokens.push(await ask(service))
  t.strictSame(
    tokens.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  const introspect = (service: Service, { body }: Answer) =>
    postForm(service, '/introspect', { token: String(body.access_token), ...credentials })
  t.match((await introspect(other, tokens[0] as Answer)).body, { active: true })
  await query(url, "UPDATE clients SET generation = generation + 1 WHERE client_id = 'reports'")
  await receiveChanges(other)
  t.strictSame((await introspect(other, tokens[0] as Answer)).body, { active: false })
  await query(url, "UPDATE clients SET disabled = true WHERE client_id = 'reports'")
  for (const service of [one, other]) {
    await receiveChanges(service)
    t.equal((await ask(service)).status, 401)
  }
})

t.test('users read their own changes, however many requests read at the same time', async (t) => {
  const { token } = await enter(t)
  let isDone = false
  async function readOn(service: Service): Promise<void> {
    while (!isDone) await askWho(service, token)
  }
  const readers = [one, one, one, other, other].map(readOn)
  for (let round = 0; round < 60; round++) {
    const name = `name ${round}`
    t.equal(await send(one, token, 'PATCH', '/users/me/', { full_name: name }), 200)
    t.equal((await askWho(one, token)).body.full_name, name)
    if (round % 10 > 0) continue
    await receiveChanges(other)
    t.equal((await askWho(other, token)).body.full_name, name)
  }
  isDone = true
  await Promise.all(readers)
})

t.test(
  'a replica that loses its LISTEN connection reads from the database until it has another',
  async (t) => {
    const { username, token } = await enter(t)
    for (const disabled of [true, false, true]) {
      await query(
        url,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'latchkey changes' AND datname = current_database()",
      )
      await query(url, 'UPDATE users SET disabled = $2 WHERE username = $1', [username, disabled])
      for (const service of [one, other]) {
        await receiveChanges(service)
        t.equal(
          (await askWho(service, token)).status,
          disabled ? 400 : 401,
          'a lock-out ends what was issued before',
        )
      }
    }
    await until('both to listen again', async () => {
      const listening = await query(
        url,
        "SELECT FROM pg_stat_activity WHERE application_name = 'latchkey changes' AND datname = current_database()",
      )
      return listening.length === 2
    })
    await enter(t)
  },
)

t.test('changes that are not received do not keep cached callers valid', async (t) => {
  const proxy = await startProxy(t, url)
  await setDefaults(url, plainDefaults)
  const deaf = await startReplica(t, url, { DATABASE_DIRECT_URL: proxy.url })
  const { token, username } = await enter(t, { ...replicas, other: deaf })
  async function showsAtOnce(): Promise<boolean> {
    const name = randomUUID()
    await query(url, 'UPDATE users SET full_name = $2 WHERE username = $1', [username, name])
    return (await askWho(deaf, token)).body.full_name === name
  }
  proxy.stall()
  // The second request would use what the first one has cached, if the cache were used.
  await until('what is in memory not to count any more', async () => (await showsAtOnce()) && showsAtOnce())
  for (let times = 0; times < 3; times++) t.ok(await showsAtOnce(), 'the database is read')
  proxy.cut()
  proxy.open()
  await until('it to listen again', async () => {
    const listening = await query(
      url,
      "SELECT FROM pg_stat_activity WHERE application_name = 'latchkey changes' AND datname = current_database()",
    )
    return listening.length === 3
  })
  await fillCache(t, [deaf], token)
  await query(url, 'UPDATE users SET disabled = true WHERE username = $1', [username])
  await receiveChanges(deaf)
  t.equal((await askWho(deaf, token)).status, 400)
})

t.test('a replica that was killed knows of changes when it is back', async (t) => {
  const shared = await cloneDatabase(t)
  const first = await startReplica(t, shared)
  const { access_token: token } = await logIn(first)
  await fillCache(t, [first], token)
  first.program.process.kill('SIGKILL')
  await first.program.ends()
  await query(shared, 'UPDATE token_families SET revoked_at = now() WHERE TRUE')
  const second = await startReplica(t, shared)
  t.equal((await askWho(second, token)).status, 401)
})
