import t, { type Test } from 'tap'
import { openListenConnection } from '../../src/database/changes/connection.js'
import { openDatabase } from '../../src/database/client.js'
import { isDatabaseUnavailable } from '../../src/database/errors.js'
import { migrationNames } from '../../src/database/migration-history.js'
import { migrate } from '../../src/database/migrations.js'
import { removeExpired } from '../../src/database/retention.js'
import { openSession, openSessionPool } from '../../src/database/session.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase, clonePlainDatabase, newDatabase, setDefaults } from '../helpers/database.js'
import { hostileDefaults, impatientDefaults } from '../helpers/hostile.js'
import { startPooler } from '../helpers/pooler.js'
import { startProxy } from '../helpers/proxy.js'
import { beginTransaction, untilWaiting } from '../helpers/replicas.js'
import { startProgram } from '../helpers/service.js'

const settings = { databasePoolSize: 2, databaseTimeoutSeconds: 10 }

/** Settings that every session has, whatever the defaults are. */
const expected = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  bytea_output: 'hex',
  array_nulls: 'on',
  transform_null_equals: 'off',
  extra_float_digits: '1',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  search_path: '"public"',
  synchronous_commit: 'on',
  idle_session_timeout: '0',
  exit_on_error: 'off',
}

const show = `SELECT ${Object.keys(expected).map((name) => `current_setting('${name}') AS "${name}"`)}`

async function hostileClone(t: Test): Promise<string> {
  const url = await cloneDatabase(t)
  await setDefaults(url, { ...hostileDefaults, ...impatientDefaults })
  return url
}

t.test(
  'a session that is lost while it is handed over to somebody who waits for it does not end the process',
  async (t) => {
    const pool = openSessionPool({ url: await cloneDatabase(t) }, 1)
    t.teardown(() => pool.end())
    const session = await pool.connect()
    const handedOver = pool.connect()
    session.release()
    // As when the end of a statement and that of the server arrive together.
    t.doesNotThrow(() => session.emit('error', new Error('terminating connection')))
    ;(await handedOver).release(true)
    t.same((await pool.query('SELECT 1 AS one')).rows, [{ one: 1 }], 'and the pool opens another one')
  },
)

t.test('every kind of session has the required settings', async (t) => {
  const url = await hostileClone(t)
  const database = openDatabase({ ...settings, databaseReplicaUrl: url }, url)
  t.teardown(() => database.$disconnect())
  const session = await openSession({ url })
  t.teardown(() => session.end())
  const listener = openListenConnection({ url }, 2_000, 'test')
  await listener.connect()
  t.teardown(() => listener.destroy())
  const pool = openSessionPool({ url })
  t.teardown(() => pool.end())

  for (const [kind, rows] of [
    ['the client', await database.$queryRawUnsafe(show)],
    ['a transaction', await database.$transaction((transaction) => transaction.$queryRawUnsafe(show))],
    ['the pool', (await database.pool.query({ text: show })).rows],
    ['the replica', (await database.readPool.query({ text: show })).rows],
    ['a session', (await session.query(show)).rows],
    ['the listener', (await listener.client.query(show)).rows],
    ['a pool without limits', (await pool.query(show)).rows],
  ] as const)
    t.strictSame(rows, [expected], kind)
})

t.test('migrations succeed whatever the defaults are', async (t) => {
  const url = await newDatabase(t)
  await setDefaults(url, { ...hostileDefaults, ...impatientDefaults })
  t.strictSame(await migrate(url), migrationNames())
  t.equal((await runCommand(url, ['seed'])).status, 0)
  t.equal((await runCommand(url, ['users', 'list'])).status, 0)
})

t.test('a database with disabled triggers is refused with one line', async (t) => {
  const url = await cloneDatabase(t)
  await setDefaults(url, { session_replication_role: 'replica' })
  await t.rejects(migrate(url), {
    message:
      'sessions of the database have session_replication_role replica, but origin is required: ' +
      "ALTER ROLE latchkey SET session_replication_role = 'origin'",
  })
})

t.test('a revoked token stays revoked when the database has a time zone', async (t) => {
  const url = await hostileClone(t)
  const app = await startApp(t, {}, url)
  const token = await logIn(app, 'johndoe', 'secret')
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
  const revoked = await app.inject({
    method: 'POST',
    url: '/revoke',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: `token=${token}`,
  })
  t.equal(revoked.statusCode, 200)
  await removeExpired(app.database, { eventRetentionSeconds: 1_000 })
  t.equal((await as(app, token).get('/users/me/')).statusCode, 401)
})

t.test('times are the same however they are read, and agree with the clock of the process', async (t) => {
  const url = await hostileClone(t)
  const app = await startApp(t, {}, url)
  const token = await logIn(app, 'johndoe', 'secret')
  const before = new Date(Date.now() - 60_000).toISOString()
  const after = new Date(Date.now() + 60_000).toISOString()
  const put = await as(app, token).put('/users/me/items/timed', { title: 'naïve \\ ✓' })
  t.equal(put.statusCode, 201)
  const made = put.json<{ created_at: string }>()
  t.ok(made.created_at > before && made.created_at < after)
  t.strictSame((await as(app, token).get('/users/me/items/timed')).json(), made)
  const path = `/users/me/items/?created_after=${before}&created_before=${after}&title_contains=${encodeURIComponent('\\')}`
  t.match((await as(app, token).get(path)).json(), [{ item_id: 'timed', title: 'naïve \\ ✓' }])
  t.strictSame(
    (await as(app, token).get(`/users/me/items/?created_before=${before}&title_contains=na`)).json(),
    [],
  )
})

t.test('the doctor finds no problem with hostile defaults', async (t) => {
  const url = await hostileClone(t)
  const { stdout } = await runCommand(url, ['doctor', '--json'], { env: { DATA_DIRECTORY: t.testdir() } })
  const findings = JSON.parse(stdout) as { check: string; state: string }[]
  for (const check of ['clock', 'sessions', 'migrations'])
    t.match(
      findings.find((one) => one.check === check),
      { state: 'ok' },
      check,
    )
})

t.test('the time zone is set behind a pooler too', async (t) => {
  const url = await clonePlainDatabase(t)
  await setDefaults(url, { TimeZone: 'Europe/Berlin', DateStyle: 'SQL, DMY', client_encoding: 'LATIN1' })
  const pooled = await startPooler(t, url)
  const database = openDatabase({ ...settings, databaseDirectUrl: url }, pooled)
  t.teardown(() => database.$disconnect())
  t.strictSame(await database.$queryRaw`SELECT current_setting('TimeZone') AS zone`, [{ zone: 'UTC' }])
})

for (const [setting, value] of [
  ['default_transaction_isolation', 'repeatable read'],
  ['search_path', 'nothing'],
] as const)
  t.test(`a wrong ${setting} behind a pooler ends the start with one line`, async (t) => {
    const url = await clonePlainDatabase(t)
    await setDefaults(url, { [setting]: value })
    const pooled = await startPooler(t, url)
    const env = { DATABASE_URL: pooled, DATABASE_DIRECT_URL: url, PORT: '0' }
    const program = startProgram(t, 'src/server.ts', env)
    t.equal(await program.ends(), 1)
    t.match(program.stderr, new RegExp(`^latchkey: .*${setting}.*ALTER ROLE latchkey SET ${setting} = .*\n$`))

    const database = openDatabase({ ...settings, databaseDirectUrl: url }, pooled)
    t.teardown(() => database.$disconnect())
    const attempts: (() => PromiseLike<unknown>)[] = [
      () => database.user.findFirst(),
      () => database.$queryRaw`SELECT 1`,
      () => database.$transaction((transaction) => transaction.user.findFirst()),
      () => database.pool.query({ text: 'SELECT' }),
    ]
    for (const attempt of attempts) {
      const failure = await attempt().then(
        () => undefined,
        (error: unknown) => error,
      )
      t.equal(isDatabaseUnavailable(failure), true, String(attempt))
    }
    const { stdout } = await runCommand(url, ['doctor', '--json'], {
      env: { ...env, DATA_DIRECTORY: t.testdir() },
    })
    const findings = JSON.parse(stdout) as { check: string; state: string; explanation: string }[]
    t.match(
      findings.find(({ check }) => check === 'sessions'),
      { state: 'fail', explanation: setting },
    )
  })

const limits = {
  statement_timeout: '2s',
  lock_timeout: '1s',
  idle_in_transaction_session_timeout: '2s',
  transaction_timeout: '4s',
  TimeZone: 'UTC',
  application_name: 'theirs',
  work_mem: '5MB',
}

t.test(
  'required settings and limits override the options of the URL, which are kept otherwise',
  async (t) => {
    const url = await cloneDatabase(t)
    const database = openDatabase(
      { databasePoolSize: 1, databaseTimeoutSeconds: 2 },
      `${url}?options=${encodeURIComponent('-c statement_timeout=0 -c work_mem=5MB -c TimeZone=Asia/Kathmandu')}&statement_timeout=0&lock_timeout=99000&idle_in_transaction_session_timeout=0&query_timeout=1&application_name=theirs`,
    )
    t.teardown(() => database.$disconnect())
    const shown = `SELECT ${Object.keys(limits).map((name) => `current_setting('${name}') AS "${name}"`)}, pg_sleep(0.1)::text`
    t.match(await database.$queryRawUnsafe(shown), [limits])
  },
)

t.test('a write that times out on a lock is 503, and is not made later', async (t) => {
  const url = await cloneDatabase(t)
  const settings = { DATABASE_TIMEOUT_SECONDS: '2' }
  const app = await startApp(t, settings, `${url}?options=-c%20geqo%3Doff`)
  const token = await logIn(app, 'johndoe', 'secret')
  const holder = await beginTransaction(t, url, 'SELECT FROM items FOR UPDATE')
  const refused = await as(app, token).put('/users/me/items/Foo', { title: 'late' })
  t.equal(refused.statusCode, 503)
  t.strictSame(refused.json(), { detail: 'Service Unavailable', code: 'service_unavailable' })
  await holder.query('COMMIT')
  t.match((await as(app, token).get('/users/me/items/Foo')).json(), { title: null })
})

t.test('a write whose response is lost is a 503 with an unknown outcome', async (t) => {
  const url = await cloneDatabase(t)
  const proxy = await startProxy(t, url)
  const app = await startApp(t, { DATABASE_TIMEOUT_SECONDS: '2' }, proxy.url)
  const token = await logIn(app, 'johndoe', 'secret')
  const holder = await beginTransaction(t, url, 'SELECT FROM items FOR UPDATE')
  const response = as(app, token).put('/users/me/items/Foo', { title: 'late' })
  await untilWaiting(url)
  proxy.stall()
  const { statusCode, headers, body } = await response
  t.match(
    { statusCode, headers, detail: JSON.parse(body) },
    {
      statusCode: 503,
      headers: { 'retry-after': '5' },
      detail: { detail: 'Service Unavailable: the change may or may not have been made' },
    },
  )
  await holder.query('ROLLBACK')
  proxy.open()
})
