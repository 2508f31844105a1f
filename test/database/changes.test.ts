import fastify, { type FastifyInstance } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import { changeFeed } from '../../src/database/changes/index.js'
import { openDatabase } from '../../src/database/client.js'
import { databasePlugin } from '../../src/database/plugin.js'
import { cloneDatabase, clonePlainDatabase } from '../helpers/database.js'
import { plainOptions } from '../helpers/hostile.js'
import { startDeafener, startParrot, startPooler } from '../helpers/pooler.js'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/wait.js'
import { query } from './query.js'

const john = "(SELECT id FROM users WHERE username = 'johndoe')"
const family = `INSERT INTO token_families
  (id, user_id, client_id, scope, user_generation, client_generation, refreshable_until, expires_at)
  SELECT gen_random_uuid(), ${john}, 'first-party', 'me', 0, 0, now(), now() + interval '1 day'`
const signingKey = `INSERT INTO signing_keys
  (kid, algorithm, public_jwk, sealed_private_key, sealed_under, token_ttl_seconds, signs_at)
  VALUES ('first', 'ES256', '{}', 'x', 'x', 60, now())`
const macKey = "INSERT INTO mac_keys (sealed_key, sealed_under) VALUES ('x', 'x')"
const secret = "INSERT INTO client_secrets (client_id, slot, digest) VALUES ('first-party', 1, sha256('x'))"

const announcements: [what: string, before: string[], statement: string, told: RegExp[]][] = [
  [
    'a change of a user',
    [],
    "UPDATE users SET full_name = 'J' WHERE username = 'johndoe'",
    [/^user:[\da-f-]{36}$/],
  ],
  ['changes of all users', [], 'UPDATE users SET disabled = disabled', [/^user:/, /^user:/]],
  ['a deletion of a user', [], "DELETE FROM users WHERE username = 'johndoe'", [/^user:/]],
  [
    'a new user',
    [],
    "INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), 'new', '$2b$04$' || repeat('a', 53))",
    [],
  ],
  [
    'a revocation of a family',
    [family],
    'UPDATE token_families SET revoked_at = now()',
    [/^family:[\da-f-]{36}$/],
  ],
  ['a deletion of a family', [family], 'DELETE FROM token_families', [/^family:/]],
  [
    'a deletion of a family that has expired for long',
    [family, "UPDATE token_families SET expires_at = now() - interval '2 days'"],
    'DELETE FROM token_families',
    [],
  ],
  [
    'a change of a client',
    [],
    "UPDATE clients SET disabled = true WHERE client_id = 'first-party'",
    [/^client:first-party$/],
  ],
  [
    'a deletion of a client',
    [],
    "DELETE FROM clients WHERE client_id = 'first-party'",
    [/^client:first-party$/],
  ],
  ['a new secret', [], secret, [/^client:first-party$/]],
  [
    'another digest of a secret',
    [secret],
    "UPDATE client_secrets SET digest = sha256('y')",
    [/^client:first-party$/],
  ],
  ['a use of a secret', [secret], 'UPDATE client_secrets SET last_used_at = now()', []],
  ['a deletion of a secret', [secret], 'DELETE FROM client_secrets', [/^client:first-party$/]],
  [
    'a revocation of a token',
    [],
    "INSERT INTO revoked_tokens (fingerprint, expires_at) VALUES (sha256('x'), now())",
    [/^token:\\x2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881$/],
  ],
  ['a new key', [], signingKey, [/^key:first$/]],
  ['a new time of a key', [signingKey], 'UPDATE signing_keys SET signs_at = now()', [/^key:first$/]],
  [
    'a retirement of a key',
    [signingKey],
    'UPDATE signing_keys SET retired_at = now(), sealed_private_key = NULL',
    [/^key:first$/],
  ],
  ['a deletion of a key', [signingKey], 'DELETE FROM signing_keys', [/^key:first$/]],
  ['a first signature', [signingKey], 'UPDATE signing_keys SET signed_at = now()', []],
  ['a new key of the hashes', [], macKey, [/^mac:1$/]],
  ['another key of the hashes', [macKey], "UPDATE mac_keys SET sealed_key = 'y'", [/^mac:1$/]],
  ['a deletion of the key of the hashes', [macKey], 'DELETE FROM mac_keys', [/^mac:1$/]],
  ['a truncation of all keys', [], 'TRUNCATE signing_keys, mac_keys', [/^null$/]],
  ['a truncation', [], 'TRUNCATE users, clients CASCADE', [/^null$/]],
  [
    'an end of a family that has expired just now',
    [family, "UPDATE token_families SET expires_at = now() - interval '1 s'"],
    'UPDATE token_families SET revoked_at = now()',
    [/^family:/],
  ],
  [
    'a revocation in a session that writes bytes in another way',
    [],
    "SET bytea_output = 'escape'; INSERT INTO revoked_tokens (fingerprint, expires_at) VALUES (sha256('x'), now())",
    [/^token:\\x2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881$/],
  ],
  [
    'a change that a replication brings',
    [],
    "SET session_replication_role = replica; UPDATE users SET full_name = 'J' WHERE username = 'johndoe'",
    [/^user:/],
  ],
]

for (const [what, before, statement, expected] of announcements)
  t.test(`${what} is told ${expected.length === 0 ? 'nobody' : 'when it is committed'}`, async (t) => {
    const { app, url } = await follow(t)
    for (const one of before) await query(url, one)
    await app.changes.sync()
    const told: string[] = []
    app.changes.subscribe((change) => told.push(String(change)))
    await query(url, statement)
    await app.changes.sync()
    const distinct = what.startsWith('a truncation') ? [...new Set(told)] : told
    t.equal(distinct.length, expected.length, told.join())
    for (const [index, pattern] of expected.entries()) t.match(distinct[index], pattern)
  })

t.test('what is not committed yet is not told, nor what never is', async (t) => {
  const { app, url } = await follow(t)
  const told: (string | null)[] = []
  app.changes.subscribe((change) => told.push(change))
  const connection = new pg.Client({ connectionString: url, options: plainOptions })
  await connection.connect()
  t.teardown(() => connection.end())
  for (const end of ['ROLLBACK', 'COMMIT']) {
    await connection.query('BEGIN')
    await connection.query("UPDATE users SET full_name = 'J' WHERE username = 'johndoe'")
    await app.changes.sync()
    t.equal(told.length, 0)
    await connection.query(end)
  }
  await app.changes.sync()
  t.equal(told.length, 1)
})

t.test('changes are current for as long as somebody asks, and again when somebody asks again', async (t) => {
  const { app } = await follow(t)
  await app.changes.sync()
  t.equal(app.changes.isFresh(), true)
  const beganAt = performance.now()
  await until(() => {
    t.equal(app.changes.isConnected(), true)
    return performance.now() - beganAt > 300
  })
  t.equal(app.changes.isFresh(), false, 'nobody has asked for a while')
  await until(() => app.changes.isFresh())
})

t.test(
  'when the server does not answer any more, changes are not trusted, and the connection is given up',
  async (t) => {
    const proxy = await startProxy(t, await cloneDatabase(t))
    const { app } = await follow(t, proxy.url)
    await until(() => app.changes.isFresh())
    const told: (string | null)[] = []
    app.changes.subscribe((change) => told.push(change))
    proxy.stall()
    await until(() => !app.changes.isFresh())
    t.equal(app.changes.isConnected(), true)
    await app.changes.sync()
    t.equal(app.changes.isConnected(), false)
    await until(() => told.includes(null))
    proxy.cut()
    proxy.open()
    await until(() => app.changes.isFresh())
  },
)

t.test('when the connection is lost another one is made, and nobody trusts what was before', async (t) => {
  const { app, url } = await follow(t)
  for (const _ of [1, 2]) {
    await until(() => app.changes.isFresh())
    const told: (string | null)[] = []
    app.changes.subscribe((change) => told.push(change))
    await query(
      url,
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'latchkey changes' AND datname = current_database()",
    )
    await until(() => told.includes(null))
    await until(() => app.changes.isFresh())
    t.strictSame(new Set(told), new Set([null]))
  }
})

t.test('behind a pooler nothing is trusted', async (t) => {
  const log: string[] = []
  const pooler = await startPooler(t, await cloneDatabase(t))
  const { app } = await follow(t, pooler, log)
  await until(() =>
    log.some((line) => line.includes('there is a pooler in between: see DATABASE_DIRECT_URL')),
  )
  t.equal(app.changes.isFresh(), false)
  t.equal(app.changes.isConnected(), false)
  await app.changes.sync()
})

t.test('where messages do not come back nothing is trusted', async (t) => {
  const log: string[] = []
  const { app } = await follow(t, await startDeafener(t, await cloneDatabase(t)), log)
  await until(() => log.some((line) => line.includes('messages do not come back')))
  t.equal(app.changes.isFresh(), false)
  t.equal(app.changes.isConnected(), false)
})

t.test('an echo of another message does not count', async (t) => {
  const log: string[] = []
  // A pulse and the check of the pool come back, then only that pulse.
  const { app } = await follow(t, await startParrot(t, await cloneDatabase(t), 3), log)
  await until(() => {
    app.changes.isFresh()
    return log.some((line) => line.includes('messages do not come back'))
  })
  t.equal(app.changes.isFresh(), false)
  t.equal(app.changes.isConnected(), false)
})

t.test('where another database is listened to nothing is trusted', async (t) => {
  const log: string[] = []
  const { app } = await follow(t, await clonePlainDatabase(t), log, false, await cloneDatabase(t))
  await until(() => log.some((line) => line.includes('lead to different databases')))
  t.equal(app.changes.isConnected(), false)
  t.equal(log.length, 1, 'it is said once')
})

t.test('when the pool leads to another database by now, nothing is trusted any more', async (t) => {
  const { app } = await follow(t)
  let asked = 0
  app.database.pool = {
    async query() {
      asked += 1
      throw new Error('the pool is exhausted')
    },
  }
  await until(() => {
    app.changes.isFresh()
    return asked > 0
  })
  t.equal(app.changes.isConnected(), true, 'a pool that cannot be asked tells nothing')
  const settings = { databasePoolSize: 1, databaseTimeoutSeconds: 10 }
  const moved = openDatabase(settings, await cloneDatabase(t))
  t.teardown(() => moved.$disconnect())
  app.database.pool = moved.pool
  await until(() => !app.changes.isFresh() && !app.changes.isConnected())
})

t.test('closing waits for no server', async (t) => {
  for (const isHeard of [true, false]) {
    const proxy = await startProxy(t, await cloneDatabase(t))
    if (!isHeard) proxy.stall()
    const { app } = await follow(t, proxy.url, [], isHeard)
    proxy.stall()
    await app.close()
    t.equal(app.changes.isConnected(), false)
  }
})

async function follow(
  t: Test,
  given?: string,
  log: string[] = [],
  isHeard = given === undefined,
  databaseDirectUrl?: string,
) {
  const url = given ?? (await cloneDatabase(t))
  const app: FastifyInstance = fastify({
    logger: { level: 'warn', stream: { write: (line: string) => log.push(line) } },
  })
  const settings = { databasePoolSize: 1, databaseTimeoutSeconds: 10, databaseDirectUrl }
  const database = openDatabase(settings, url)
  await app.register(databasePlugin, { database })
  await app.register(changeFeed)
  t.teardown(() => app.close())
  await app.ready()
  if (isHeard) await until(() => app.changes.isConnected())
  return { app, url }
}
