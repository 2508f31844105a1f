import { EventEmitter } from 'node:events'
import fastify, { type FastifyInstance } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import { createHeartbeat, OtherDatabase } from '../../src/database/changes/heartbeat.js'
import { changeFeed } from '../../src/database/changes/index.js'
import { openDatabase } from '../../src/database/client.js'
import { databasePlugin } from '../../src/database/plugin.js'
import { createMetrics, metricsPlugin } from '../../src/metrics/index.js'
import { stopMonotonicClock } from '../helpers/clock.js'
import { cloneDatabase, clonePlainDatabase } from '../helpers/database.js'
import { plainOptions } from '../helpers/hostile.js'
import { startNotificationDropper, startNotificationReplayer, startPooler } from '../helpers/pooler.js'
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
const statusList = `INSERT INTO status_lists (id, class, seed, closes_at, retires_at)
  SELECT repeat('a', 11), 0, sha256('x'), now() + interval '10 min', now() + interval '1 hour'`

const announcements: [what: string, before: string[], statement: string, changes: RegExp[]][] = [
  [
    'a change of a user',
    [],
    "UPDATE users SET full_name = 'J' WHERE username = 'johndoe'",
    [/^user:[\da-f-]{36}$/],
  ],
  ['changes of all users', [], 'UPDATE users SET disabled = disabled', [/^user:/, /^user:/]],
  [
    'a deletion of a user',
    [],
    "DELETE FROM users WHERE username = 'johndoe'",
    [/^user:/, /^departure:caller$/, /^departure:user$/],
  ],
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
    'a deletion of a family that expired long ago',
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
    [/^client:first-party$/, /^departure:caller$/, /^departure:client$/],
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
  ['a new MAC key', [], macKey, [/^mac:1$/]],
  ['a replaced MAC key', [macKey], "UPDATE mac_keys SET sealed_key = 'y'", [/^mac:1$/]],
  ['a deletion of the MAC key', [macKey], 'DELETE FROM mac_keys', [/^mac:1$/]],
  ['a truncation of all keys', [], 'TRUNCATE signing_keys, mac_keys', [/^null$/]],
  ['a truncation', [], 'TRUNCATE users, clients CASCADE', [/^null$/]],
  [
    'a revocation of a family that has just expired',
    [family, "UPDATE token_families SET expires_at = now() - interval '1 s'"],
    'UPDATE token_families SET revoked_at = now()',
    [/^family:/],
  ],
  ['a new status list', [], statusList, [/^status_list:a{11}$/]],
  ['a lease of entries', [statusList], 'UPDATE status_lists SET next_ordinal = 32', []],
  ['a deletion of a status list', [statusList], 'DELETE FROM status_lists', [/^status_list:a{11}$/]],
  [
    'the bits of many tokens',
    [statusList],
    "INSERT INTO status_revocations (list_id, first) SELECT repeat('a', 11), generate_series(1, 100)",
    [/^status:a{11}$/],
  ],
  [
    'the end of the logins of a user',
    [statusList],
    "UPDATE users SET generation = generation + 1 WHERE username = 'johndoe'",
    [/^user:/, /^departure:former_logins$/],
  ],
  [
    'a revocation in a session with another bytea_output',
    [],
    "SET bytea_output = 'escape'; INSERT INTO revoked_tokens (fingerprint, expires_at) VALUES (sha256('x'), now())",
    [/^token:\\x2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881$/],
  ],
  [
    'a replicated change',
    [],
    "SET session_replication_role = replica; UPDATE users SET full_name = 'J' WHERE username = 'johndoe'",
    [/^user:/],
  ],
]

for (const [what, before, statement, expected] of announcements)
  t.test(`${what} is ${expected.length === 0 ? 'not published' : 'published on commit'}`, async (t) => {
    const { app, url } = await follow(t)
    for (const earlier of before) await query(url, earlier)
    await app.changes.sync()
    const published: string[] = []
    app.changes.subscribe((change) => published.push(String(change)))
    await query(url, statement)
    await app.changes.sync()
    const distinct = what.startsWith('a truncation') ? [...new Set(published)] : published
    t.equal(distinct.length, expected.length, published.join())
    for (const [index, pattern] of expected.entries()) t.match(distinct[index], pattern)
  })

t.test('a change is published neither before its commit nor after a rollback', async (t) => {
  const { app, url } = await follow(t)
  const published: (string | null)[] = []
  app.changes.subscribe((change) => published.push(change))
  const connection = new pg.Client({ connectionString: url, options: plainOptions })
  await connection.connect()
  t.teardown(() => connection.end())
  for (const end of ['ROLLBACK', 'COMMIT']) {
    await connection.query('BEGIN')
    await connection.query("UPDATE users SET full_name = 'J' WHERE username = 'johndoe'")
    await app.changes.sync()
    t.equal(published.length, 0)
    await connection.query(end)
  }
  await app.changes.sync()
  t.equal(published.length, 1)
})

t.test('the feed is fresh for as long as it is asked, and again when it is asked again', async (t) => {
  const { app } = await follow(t)
  await app.changes.sync()
  t.equal(app.changes.isFresh(), true)
  const beganAt = performance.now()
  await until(() => {
    t.equal(app.changes.isConnected(), true)
    return performance.now() - beganAt > 300
  })
  t.equal(app.changes.isFresh(), false, 'it was not asked for a while')
  await until(() => app.changes.isFresh())
})

t.test(
  'a stale feed becomes fresh by the heartbeat that is under way, or by another if that is too old',
  async (t) => {
    for (const [ageOfHeartbeat, sent, meaning] of [
      [1, 1, 'sent when the feed was asked'],
      [101, 2, 'too old when it comes back'],
    ] as const) {
      const { app, clock, countHeartbeats } = await followStale(t)
      t.equal(app.changes.isFresh(), false)
      clock.advance(ageOfHeartbeat)
      await app.changes.freshen()
      t.equal(countHeartbeats(), sent, meaning)
      t.equal(app.changes.isFresh(), true)
    }
  },
)

t.test('a feed whose heartbeats are slow is not waited for until it is fresh', async (t) => {
  const { app, clock, countHeartbeats } = await followStale(t)
  const freshened = app.changes.freshen()
  clock.advance(101)
  await freshened
  t.equal(countHeartbeats(), 1)
  t.equal(app.changes.isFresh(), false)
})

t.test('slow heartbeats are not waited for, until one comes back in time', async (t) => {
  const { app, clock, countHeartbeats } = await followStale(t)
  for (let late = 0; late < 2; late++) {
    const freshened = app.changes.freshen()
    clock.advance(101)
    await freshened
  }
  await app.changes.freshen()
  t.equal(countHeartbeats(), 2, 'the two that came back late')
  await app.changes.sync()
  clock.advance(101)
  await app.changes.freshen()
  t.equal(countHeartbeats(), 2, 'that of sync, and one that is waited for again')
  t.equal(app.changes.isFresh(), true)
})

t.test('a heartbeat that has been under way for long is not waited for', async (t) => {
  const { app, clock, countHeartbeats } = await followStale(t)
  t.equal(app.changes.isFresh(), false)
  clock.advance(201)
  await app.changes.freshen()
  t.equal(countHeartbeats(), 1)
  t.equal(app.changes.isFresh(), false)
})

t.test('when the server stops answering, the feed is stale and then loses its connection', async (t) => {
  const proxy = await startProxy(t, await cloneDatabase(t))
  const { app } = await follow(t, proxy.url)
  await until(() => app.changes.isFresh())
  const published: (string | null)[] = []
  app.changes.subscribe((change) => published.push(change))
  proxy.stall()
  await until(() => !app.changes.isFresh())
  t.equal(app.changes.isConnected(), true)
  await app.changes.sync()
  t.equal(app.changes.isConnected(), false)
  await until(() => published.includes(null))
  proxy.cut()
  proxy.open()
  await until(() => app.changes.isFresh())
})

t.test('a lost connection is replaced, and null is published', async (t) => {
  const { app, url } = await follow(t)
  for (const _ of [1, 2]) {
    await until(() => app.changes.isFresh())
    const published: (string | null)[] = []
    app.changes.subscribe((change) => published.push(change))
    await endConnection(url)
    await until(() => published.includes(null))
    await until(() => app.changes.isFresh())
    t.strictSame(new Set(published), new Set([null]))
  }
})

t.test('behind a pooler the feed does not connect', async (t) => {
  const log: string[] = []
  const pooler = await startPooler(t, await cloneDatabase(t))
  const { app } = await follow(t, pooler, log)
  await until(() =>
    log.some((line) => line.includes('the connection leads to a pooler: see DATABASE_DIRECT_URL')),
  )
  t.equal(app.changes.isFresh(), false)
  t.equal(app.changes.isConnected(), false)
  await app.changes.sync()
})

t.test('without heartbeats that come back the feed does not connect', async (t) => {
  const log: string[] = []
  const { app } = await follow(t, await startNotificationDropper(t, await cloneDatabase(t)), log)
  await until(() => log.some((line) => line.includes('heartbeats do not come back')))
  t.equal(app.changes.isFresh(), false)
  t.equal(app.changes.isConnected(), false)
})

t.test('an earlier heartbeat that comes back again does not count', async (t) => {
  const log: string[] = []
  // A heartbeat and the message through the pool come back, then only that heartbeat.
  const { app } = await follow(t, await startNotificationReplayer(t, await cloneDatabase(t), 2), log)
  await until(() => {
    app.changes.isFresh()
    return log.some((line) => line.includes('heartbeats do not come back'))
  })
  t.equal(app.changes.isFresh(), false)
  t.equal(app.changes.isConnected(), false)
})

t.test('a feed of another database does not connect', async (t) => {
  const log: string[] = []
  const { app } = await follow(t, await clonePlainDatabase(t), log, false, await cloneDatabase(t))
  await until(() => log.some((line) => line.includes('lead to different databases')))
  t.equal(app.changes.isConnected(), false)
  t.equal(log.length, 1, 'it is logged once')
})

t.test('when the pool leads to another database later, the feed disconnects', async (t) => {
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
  t.equal(app.changes.isConnected(), true, 'a pool that fails proves nothing')
  const settings = { databasePoolSize: 1, databaseTimeoutSeconds: 10 }
  const moved = openDatabase(settings, await cloneDatabase(t))
  t.teardown(() => moved.$disconnect())
  app.database.pool = moved.pool
  await until(() => !app.changes.isFresh() && !app.changes.isConnected())
})

t.test('a check that outlives its connection does not affect the next connection', async (t) => {
  const { app, url } = await follow(t)
  const { pool } = app.database
  const check = holdQueries()
  app.database.pool = check.pool
  const clock = stopMonotonicClock(t)
  clock.advance(10_000)
  await until(() => {
    app.changes.isFresh()
    return check.isWaiting()
  })
  app.database.pool = pool
  await endConnection(url)
  await until(() => !app.changes.isConnected())
  await until(() => app.changes.isFresh())
  check.fail(new OtherDatabase('the message of the former connection did not come back'))
  clock.advance(1)
  await app.changes.sync()
  t.equal(app.changes.isConnected(), true)
  await until(() => app.changes.isFresh())
})

t.test('a check of the pool that fails leaves another one under way', async (t) => {
  const heartbeat = createHeartbeat()
  const [first, second] = [holdQueries(), holdQueries()]
  const checks = [heartbeat.checkPool(first.pool), heartbeat.checkPool(second.pool)]
  first.fail(new Error('the pool is exhausted'))
  await t.rejects(checks[0] as Promise<void>, { message: 'the pool is exhausted' })
  second.succeed()
  heartbeat.receive('2')
  await t.resolves(checks[1] as Promise<void>)
})

t.test('closing does not wait for the server', async (t) => {
  for (const isConnected of [true, false]) {
    const proxy = await startProxy(t, await cloneDatabase(t))
    if (!isConnected) proxy.stall()
    const { app } = await follow(t, proxy.url, [], isConnected)
    proxy.stall()
    await app.close()
    t.equal(app.changes.isConnected(), false)
  }
})

/** Follows the feed until it is stale, and counts the heartbeats from then on. The clock stands still. */
async function followStale(t: Test) {
  const { app } = await follow(t)
  await app.changes.sync()
  const clock = stopMonotonicClock(t)
  clock.advance(101)
  const queries = t.capture(pg.Client.prototype, 'query', pg.Client.prototype.query)
  const countHeartbeats = () => queries().filter(({ args }) => String(args[0]).startsWith('NOTIFY')).length
  return { app, clock, countHeartbeats }
}

/** Ends the connection of the feed on the server's side. */
async function endConnection(url: string): Promise<void> {
  await query(
    url,
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'latchkey changes' AND datname = current_database()",
  )
}

/** Returns a pool whose queries are answered when the test says so. */
function holdQueries() {
  let isWaiting = false
  const events = new EventEmitter()
  const answer = new Promise<never>((resolve, reject) => {
    events.once('succeed', resolve).once('fail', reject)
  })
  return {
    pool: {
      query() {
        isWaiting = true
        return answer
      },
    },
    isWaiting: () => isWaiting,
    succeed: () => events.emit('succeed'),
    fail: (error: Error) => events.emit('fail', error),
  }
}

async function follow(
  t: Test,
  given?: string,
  log: string[] = [],
  isConnected = given === undefined,
  databaseDirectUrl?: string,
) {
  const url = given ?? (await cloneDatabase(t))
  const app: FastifyInstance = fastify({
    logger: { level: 'warn', stream: { write: (line: string) => log.push(line) } },
  })
  const settings = { databasePoolSize: 1, databaseTimeoutSeconds: 10, databaseDirectUrl }
  const database = openDatabase(settings, url)
  await app.register(metricsPlugin, { metrics: createMetrics() })
  await app.register(databasePlugin, { database })
  await app.register(changeFeed)
  t.teardown(() => app.close())
  await app.ready()
  if (isConnected) await until(() => app.changes.isConnected())
  return { app, url }
}
