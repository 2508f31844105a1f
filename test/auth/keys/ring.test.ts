import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import t, { type Test } from 'tap'
import {
  listKeys,
  openPrivateKey,
  raiseTokenTtl,
  retireKey,
  retireSpentKeys,
} from '../../../src/auth/keys/key-store.js'
import { stateOf } from '../../../src/auth/keys/lifecycle.js'
import { rotateKeys, rotateWhenDue, rotationPlan } from '../../../src/auth/keys/rotation.js'
import { loadConfig } from '../../../src/config/index.js'
import { openDatabase } from '../../../src/database/client.js'
import { sealingKeysOf } from '../../../src/sealing/sealing-keys.js'
import { query } from '../../database/query.js'
import { logIn, postToken, startApp, untilConnected } from '../../helpers/app.js'
import { as } from '../../helpers/client.js'
import { storeClient } from '../../helpers/clients.js'
import { runCommand } from '../../helpers/command.js'
import { cloneDatabase, setDefaults } from '../../helpers/database.js'
import { plainDefaults } from '../../helpers/hostile.js'
import { beginTransaction, untilWaiting } from '../../helpers/replicas.js'
import { storeResource } from '../../helpers/resources.js'
import { until } from '../../helpers/wait.js'

const ring = { JWT_SECRET: '', JWKS_MAX_AGE_SECONDS: '1' }

interface Jwks {
  keys: Record<string, string>[]
}

const kidOf = (token: string) =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid

t.test('the first start creates a key of the configured algorithm', async (t) => {
  for (const [algorithm, members] of [
    ['ES256', { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' }],
    ['RS256', { kty: 'RSA', e: 'AQAB', alg: 'RS256', use: 'sig' }],
  ] as const) {
    const app = await startApp(t, { ...ring, SIGNING_ALGORITHM: algorithm })
    const { keys } = (await app.inject('/.well-known/jwks.json')).json<Jwks>()
    t.equal(keys.length, 1)
    t.match(keys[0], members)
    const token = await logIn(app, 'johndoe', 'secret')
    t.equal(kidOf(token), keys[0]?.kid)
    t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
    t.notOk(JSON.stringify(keys).includes('"d"'), 'no private member')
  }
})

t.test('an old key is followed by a new one, and retired with its last token', async (t) => {
  const app = await startApp(t, ring)
  const { database } = app
  const token = await logIn(app, 'johndoe', 'secret')
  const first = kidOf(token)
  const age = async (kid: string, days: number) =>
    database.signingKey.update({
      where: { kid },
      data: { signsAt: new Date(Date.now() - days * 86_400_000) },
    })
  const listed = async () =>
    (await app.inject('/.well-known/jwks.json')).json<Jwks>().keys.map(({ kid }) => kid)

  await age(first, 31)
  await until(async () => (await listed()).length === 2)
  const states = async () => {
    const keys = await listKeys(database)
    return keys.map((key) => stateOf(key, keys, new Date()))
  }
  await until(async () => (await states()).join() === 'verifying,signing')
  await until(async () => kidOf(await logIn(app, 'johndoe', 'secret')) !== first)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200, 'the old key verifies')

  const second = (await listed()).find((kid) => kid !== first) ?? ''
  await age(second, 1)
  await until(async () => (await listed()).length === 1)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 401)
  const keys = await listKeys(database)
  t.equal(keys.find(({ kid }) => kid === first)?.sealedPrivateKey, null, 'the private half is erased')
  t.equal(await retireKey(database, first), false, 'a second call has no effect')
  const retired = keys.find(({ kid }) => kid === first)
  t.throws(() => retired && openPrivateKey(retired, sealingKeysOf(loadConfig({}))), { message: /is damaged/ })
})

t.test('a new algorithm takes over after the lead time', async (t) => {
  const url = await cloneDatabase(t)
  const before = await startApp(t, ring, url)
  const token = await logIn(before, 'johndoe', 'secret')
  const after = await startApp(t, { ...ring, SIGNING_ALGORITHM: 'RS256' }, url)
  const next = (await listKeys(after.database)).find(({ algorithm }) => algorithm === 'RS256')
  const lead = Number(next?.signsAt) - Number(next?.createdAt)
  t.ok(lead > 1_000, 'it is published for longer than the lifetime of cached key sets before it signs')
  await until(async () => kidOf(await logIn(after, 'johndoe', 'secret')) !== kidOf(token))
  const newer = await logIn(after, 'johndoe', 'secret')
  for (const app of [before, after])
    for (const either of [token, newer]) t.equal((await as(app, either).get('/users/me/')).statusCode, 200)
  await after.close()
  const again = await startApp(t, { ...ring, SIGNING_ALGORITHM: 'RS256' }, url)
  t.equal((await listKeys(again.database)).length, 2, 'the next start creates no other key')
})

/** Returns the token with another key id. */
function renamed(token: string, kid: unknown): string {
  const header = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'at+jwt', kid })).toString('base64url')
  return token.replace(/^[^.]+/, header)
}

const client = { client_id: 'reports', client_secret: 'lks_reports' }

/** Presents a token to everything that accepts one: a route, introspection and revocation. Returns the responses. */
async function presentToken(app: FastifyInstance, token: string) {
  const [route, introspection, revocation] = [
    await as(app, token).get('/users/me/'),
    await postForm(app, '/introspect', { token, ...client }),
    await postForm(app, '/revoke', { token }),
  ]
  return { route, introspection, revocation }
}

function postForm(app: FastifyInstance, url: string, form: Record<string, string>) {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  return app.inject({ method: 'POST', url, headers, payload: new URLSearchParams(form).toString() })
}

/** Settings of a service without change notifications: it listens on another database. */
async function withoutNotifications(t: Test, url: string) {
  await setDefaults(url, plainDefaults)
  return { JWT_SECRET: '', DATABASE_URL: url, DATABASE_DIRECT_URL: await cloneDatabase(t) }
}

/** Counts every statement of a service's pool. */
function countStatements({ database }: FastifyInstance): () => number {
  const pool = database.pool as pg.Pool
  const { query, connect } = pool
  let statements = 0
  function counting<F extends (...given: never[]) => unknown>(action: F): F {
    return function count(...given: never[]) {
      statements += 1
      return action.apply(pool, given)
    } as F
  }
  Object.assign(pool, { query: counting(query), connect: counting(connect) })
  return () => statements
}

for (const isNotified of [true, false])
  t.test(
    `a key that has just begun to sign is known, ${isNotified ? 'with' : 'without'} change notifications`,
    async (t) => {
      const url = await cloneDatabase(t)
      const one = await startApp(t, { JWT_SECRET: '' }, url)
      const other = await startApp(
        t,
        isNotified ? { JWT_SECRET: '' } : await withoutNotifications(t, url),
        url,
      )
      const junk = renamed(await logIn(one, 'johndoe', 'secret'), 'junk')
      for (let round = 0; round < 3; round++) {
        t.equal((await as(other, junk).get('/users/me/')).statusCode, 401)
        t.equal((await runCommand(url, ['keys', 'rotate', '--now'])).status, 0)
        const [token, revoked] = [
          await logIn(one, 'johndoe', 'secret'),
          await logIn(one, 'johndoe', 'secret'),
        ]
        t.equal((await postForm(other, '/revoke', { token: revoked })).statusCode, 200)
        t.equal(
          (await as(one, revoked).get('/users/me/')).statusCode,
          401,
          'a revocation is stored before the response',
        )
        t.equal((await as(other, token).get('/users/me/')).statusCode, 200)
      }
    },
  )

t.test('a retired key is refused as soon as that is announced', async (t) => {
  const url = await cloneDatabase(t)
  const apps = [
    await startApp(t, { JWT_SECRET: '' }, url),
    await startApp(t, { JWT_SECRET: '' }, url),
  ] as const
  const token = await logIn(apps[0], 'johndoe', 'secret')
  for (const app of apps)
    for (const _ of [1, 2]) t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
  await runCommand(url, ['keys', 'rotate', '--now'])
  await runCommand(url, ['keys', 'retire', kidOf(token)])
  for (const app of apps) t.equal((await as(app, token).get('/users/me/')).statusCode, 401)
  for (const app of apps) t.notMatch((await app.inject('/.well-known/jwks.json')).body, kidOf(token))
})

t.test('keys that cannot be read are never reported as unknown', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, await withoutNotifications(t, url), url)
  await storeClient(app.database, client.client_id, client.client_secret)
  const token = await logIn(app, 'johndoe', 'secret')
  const isAnswered = async (shown: string, statuses: number[]) => {
    const { route, introspection, revocation } = await presentToken(app, shown)
    t.same(
      [route, introspection, revocation].map(({ statusCode }) => statusCode),
      statuses,
    )
    for (const { statusCode, headers } of [route, introspection, revocation])
      if (statusCode === 503) t.match(headers['retry-after'], /^\d+$/)
  }
  await isAnswered(renamed(token, 'x'), [401, 200, 200])
  await app.database.$executeRaw`ALTER TABLE signing_keys RENAME TO hidden_keys`
  await isAnswered(renamed(token, 'x'), [503, 503, 503])
  await until(async () => (await as(app, token).get('/users/me/')).statusCode === 503)
  await isAnswered(token, [503, 503, 503])
  t.equal((await postToken(app, { username: 'johndoe', password: 'secret' })).statusCode, 503)
  t.equal((await app.inject('/.well-known/jwks.json')).statusCode, 200, 'published keys stay published')
  await app.database.$executeRaw`ALTER TABLE hidden_keys RENAME TO signing_keys`
  await isAnswered(renamed(token, 'x'), [401, 200, 200])
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
})

t.test('a failed maintenance task does not stop the others', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { ...(await withoutNotifications(t, url)), JWKS_MAX_AGE_SECONDS: '1' }, url)
  await runCommand(url, ['keys', 'rotate', '--now'])
  const first = (await listKeys(app.database))[0]?.kid ?? ''
  await logIn(app, 'johndoe', 'secret')
  await query(
    url,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no rotation''; END';
     CREATE TRIGGER refuse BEFORE INSERT ON signing_keys FOR EACH ROW EXECUTE FUNCTION refuse();
     UPDATE signing_keys SET signs_at = signs_at - interval '40 days'`,
  )
  await until(async () => {
    const stored = (await listKeys(app.database)).find(({ kid }) => kid === first)
    return stored?.retiredAt !== null
  })
  await until(async () => !(await app.inject('/.well-known/jwks.json')).body.includes(first))
  t.equal((await listKeys(app.database)).length, 2, 'no rotation has succeeded')
})

t.test('of several replicas that find a key due at the same time, one creates it', async (t) => {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  const config = loadConfig({})
  const [sealing] = sealingKeysOf(config)
  // Both have found the key due when one of them gets the lock.
  const holder = await beginTransaction(t, url, 'LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE')
  const rotations = Promise.all([1, 2].map(() => rotateWhenDue(database, rotationPlan(config), sealing)))
  await untilWaiting(url, 2)
  await holder.query('ROLLBACK')
  const made = await rotations
  t.equal(made.filter((one) => one !== null).length, 1)
  t.equal((await listKeys(database)).length, 1)
})

const minutes = 60
/** Of each key: its signing time and its first signature in seconds from now, and the lifetime of its tokens in seconds. */
type Life = [signsAt: number, signedAt: number | null, ttl: number, retiredAt?: number]
const old: Life = [-100 * minutes, -100 * minutes, 30 * minutes]

const lives: [what: string, keys: Life[], retired: boolean[]][] = [
  ['there is no successor', [old], [false]],
  ['the successor does not sign yet', [old, [60, null, 60]], [false, false]],
  ['its tokens are valid', [old, [-30 * minutes, -30 * minutes, 60]], [false, false]],
  ['it may have signed during the handover', [old, [-30 * minutes - 50, -30 * minutes, 60]], [false, false]],
  ['its last token has expired', [old, [-32 * minutes, -32 * minutes, 60]], [true, false]],
  [
    'its tokens have a longer lifetime',
    [
      [-100 * minutes, null, 33 * minutes],
      [-32 * minutes, 0, 60],
    ],
    [false, false],
  ],
  ['the successor has not signed', [old, [-90 * minutes, null, 60]], [false, false]],
  [
    'the second successor has signed',
    [old, [-90 * minutes, null, 60], [-80 * minutes, 0, 60]],
    [true, true, false],
  ],
  ['the successor is retired', [old, [-90 * minutes, -90 * minutes, 60, -1]], [false, true]],
]

t.test('a key is retired when a later key has signed and its own last token has expired', async (t) => {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  for (const [what, keys, expected] of lives) {
    await query(url, 'DELETE FROM signing_keys')
    for (const [i, [signsAt, signedAt, ttl, retiredAt = null]] of keys.entries())
      await query(
        url,
        `INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_key, sealed_under,
           token_ttl_seconds, signs_at, signed_at, retired_at)
         VALUES ($1::int::text, 'ES256', '{}', CASE WHEN $5::float8 IS NULL THEN 'x'::bytea END, 'x', $2,
           now() + $3 * interval '1 s', now() + $4::float8 * interval '1 s', now() + $5::float8 * interval '1 s')`,
        [i, ttl, signsAt, signedAt, retiredAt],
      )
    await retireSpentKeys(database)
    const after = await query<{ retired: boolean }>(
      url,
      'SELECT retired_at IS NOT NULL AS retired FROM signing_keys ORDER BY kid',
    )
    t.same(
      after.map(({ retired }) => retired),
      expected,
      what,
    )
  }
})

t.test('unknown key ids cost no statement while the change feed is connected', async (t) => {
  const app = await startApp(t, { JWT_SECRET: '' })
  const token = await logIn(app, 'johndoe', 'secret')
  await until(() => app.changes.isFresh())
  const statements = countStatements(app)
  const requests = 2_000
  for (let request = 0; request < requests; request++) {
    const answer = await app.inject({
      url: '/users/me/',
      headers: { authorization: `Bearer ${renamed(token, randomUUID())}` },
    })
    if (answer.statusCode !== 401 || answer.body !== '{"detail":"Could not validate credentials"}')
      t.fail(answer.body)
  }
  t.ok(statements() < requests / 10, `${statements()} statements, of what is done now and then`)
})

t.test('a token with an unknown key id makes the ring read the keys', async (t) => {
  const url = await cloneDatabase(t)
  const slow = { JWT_SECRET: '' }
  const app = await startApp(t, slow, url)
  const before = await listKeys(app.database)
  await app.database.signingKey.updateMany({ data: { signsAt: new Date(Date.now() - 31 * 86_400_000) } })
  const other = await startApp(t, slow, url)
  await other.ready()
  await until(async () => (await listKeys(other.database)).length === before.length + 1)
  await other.database.signingKey.updateMany({
    where: { kid: { notIn: before.map(({ kid }) => kid) } },
    data: { signsAt: new Date(Date.now() - 1000) },
  })
  const newest = await startApp(t, slow, url)
  const token = await logIn(newest, 'johndoe', 'secret')
  t.not(kidOf(token), before[0]?.kid)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
  const unknown = token.replace(/^[^.]+/, Buffer.from('{"alg":"ES256","kid":"x"}').toString('base64url'))
  t.equal((await as(app, unknown).get('/users/me/')).statusCode, 401)
})

t.test('keys outlive the longest token lifetime of all replicas and resources', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { ...ring, ACCESS_TOKEN_EXPIRE_MINUTES: '5' }, url)
  const ttl = async () => (await listKeys(app.database)).map(({ tokenTtlSeconds }) => tokenTtlSeconds)
  t.same(await ttl(), [300])
  await startApp(t, { ...ring, ACCESS_TOKEN_EXPIRE_MINUTES: '60' }, url)
  t.same(await ttl(), [3600])
  await startApp(t, { ...ring, ACCESS_TOKEN_EXPIRE_MINUTES: '1' }, url)
  t.same(await ttl(), [3600])
  const resource = { name: 'orders', identifier: 'urn:orders', scopes: [], tokenTtlSeconds: 86_400 }
  await storeResource(app.database, resource)
  await raiseTokenTtl(app.database, 60)
  t.same(await ttl(), [86_400])
})

const oldSecret = 'the first secret that encrypts the keys'
const newSecret = 'the other secret that encrypts the keys'

t.test('the secret that encrypts the keys can be replaced', async (t) => {
  const url = await cloneDatabase(t)
  const first = await startApp(t, { ...ring, KEY_ENCRYPTION_SECRET: oldSecret }, url)
  const token = await logIn(first, 'johndoe', 'secret')
  await first.close()
  await t.rejects(startApp(t, { ...ring, KEY_ENCRYPTION_SECRET: newSecret }, url), {
    message: /encrypted under another KEY_ENCRYPTION_SECRET/,
  })
  const both = { KEY_ENCRYPTION_SECRET: newSecret, KEY_ENCRYPTION_SECRET_PREVIOUS: oldSecret }
  for (const secrets of [both, { KEY_ENCRYPTION_SECRET: newSecret }]) {
    const app = await startApp(t, { ...ring, ...secrets }, url)
    t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
    t.equal(kidOf(await logIn(app, 'johndoe', 'secret')), kidOf(token))
  }
})

t.test('a key sealed under an unknown secret verifies, and another one signs', async (t) => {
  const url = await cloneDatabase(t)
  const one = await startApp(t, { ...ring, KEY_ENCRYPTION_SECRET: oldSecret }, url)
  const first = kidOf(await logIn(one, 'johndoe', 'secret'))
  const settings = { ...ring, KEY_ENCRYPTION_SECRET: newSecret, KEY_ENCRYPTION_SECRET_PREVIOUS: oldSecret }
  const other = await startApp(t, settings, url)
  const config = loadConfig(settings)
  const [sealing] = sealingKeysOf(config)
  const made = await rotateKeys(other.database, rotationPlan(config), sealing, () => true)
  await other.database.signingKey.updateMany({
    where: { kid: made?.kid ?? '' },
    data: { signsAt: new Date() },
  })
  await until(async () => kidOf(await logIn(other, 'johndoe', 'secret')) === made?.kid)
  const token = await logIn(other, 'johndoe', 'secret')
  t.equal((await as(one, token).get('/users/me/')).statusCode, 200)
  t.equal(kidOf(await logIn(one, 'johndoe', 'secret')), first)

  await retireKey(other.database, first)
  const johndoe = { username: 'johndoe', password: 'secret' }
  await until(async () => (await postToken(one, johndoe)).statusCode === 503)
  t.equal(
    (await as(one, token).get('/users/me/')).statusCode,
    200,
    'a replica that cannot sign still verifies',
  )
  t.equal((await postToken(other, johndoe)).statusCode, 200)
})

t.test('a damaged key keeps the service from starting', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, ring, url)
  await app.database.signingKey.updateMany({ data: { sealedPrivateKey: new Uint8Array(40) } })
  await t.rejects(startApp(t, ring, url), { message: /^the encrypted \S+ in the database is damaged$/ })
})

t.test('keys in memory stay as they were while the database cannot be read', async (t) => {
  const app = await startApp(t, ring)
  await untilConnected(app)
  const token = await logIn(app, 'johndoe', 'secret')
  await app.database.$executeRaw`ALTER TABLE signing_keys RENAME TO hidden_keys`
  const unknown = token.replace(/^[^.]+/, Buffer.from('{"alg":"ES256","kid":"x"}').toString('base64url'))
  t.equal((await as(app, unknown).get('/users/me/')).statusCode, 401)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
})
