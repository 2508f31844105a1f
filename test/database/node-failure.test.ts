import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { isDatabaseUnavailable, isOutage, isOutcomeUnknown, sqlStateOf } from '../../src/database/errors.js'
import { describeFault } from '../../src/database/faults.js'
import { NodeFailure, recognizeNodeFailure } from '../../src/database/node-failure.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { stopMonotonicClock } from '../helpers/clock.js'
import { cloneDatabase } from '../helpers/database.js'
import { startErrorTranslator } from '../helpers/pooler.js'
import { startProxy } from '../helpers/proxy.js'
import { query } from './query.js'

/** Makes a database read from the one at `remote`, as the server `remote` of postgres_fdw. */
async function connectDatabases(url: string, remote: string): Promise<void> {
  const { hostname, port, pathname, username, password } = new URL(remote)
  await query(
    url,
    `CREATE EXTENSION postgres_fdw;
     CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw
       OPTIONS (host '${hostname}', port '${port}', dbname '${pathname.slice(1)}');
     CREATE USER MAPPING FOR CURRENT_USER SERVER remote
       OPTIONS (user '${username}', password '${decodeURIComponent(password)}')`,
  )
}

/** Divides the items: those of alice are in another database, behind a proxy, and those of all others here. */
async function divideItems(t: Test) {
  const url = await cloneDatabase(t)
  const remote = await startProxy(t, await cloneDatabase(t))
  await connectDatabases(url, remote.url)
  await query(url, "UPDATE users SET disabled = false WHERE username = 'alice'")
  await query(
    url,
    `DO $$ BEGIN
       ALTER TABLE items RENAME TO local_items;
       CREATE TABLE items (LIKE local_items INCLUDING DEFAULTS) PARTITION BY LIST (owner_id);
       ALTER TABLE items ATTACH PARTITION local_items DEFAULT;
       EXECUTE format(
         'CREATE FOREIGN TABLE remote_items PARTITION OF items FOR VALUES IN (%L) SERVER remote OPTIONS (table_name ''items'')',
         (SELECT id FROM users WHERE username = 'alice'));
     END $$`,
  )
  return { url, remote }
}

t.test('a server that is down costs its own users 503, and is no outage of the database', async (t) => {
  const { url, remote } = await divideItems(t)
  const app = await startApp(t, {}, url)
  const clock = stopMonotonicClock(t)
  const warn = t.capture(app.log, 'warn')
  const alice = as(app, await logIn(app, 'alice', 'secret2'))
  const john = as(app, await logIn(app, 'johndoe', 'secret'))
  t.equal((await alice.get('/users/me/items/Bar')).statusCode, 404)
  const ready = async () => (await app.inject('/readyz')).body
  t.equal(await ready(), '{"status":"ok"}')

  remote.cut()
  for (let repetition = 0; repetition < 2; repetition++) {
    const refused = await alice.get('/users/me/items/Bar')
    t.match(refused, { statusCode: 503, headers: { 'retry-after': '5' } })
    t.match(refused.json(), { code: 'service_unavailable' })
  }
  const lost = await alice.delete('/users/me/items/Bar')
  t.match(lost, { statusCode: 503, headers: { 'retry-after': '5' } })
  t.equal((await john.get('/users/me/items/')).statusCode, 200)
  t.equal((await app.inject('/livez')).body, '{"status":"ok"}')
  t.match(await app.inject('/readyz'), { statusCode: 200, body: '{"status":"degraded"}' })
  t.match(
    warn().map(({ args }) => args),
    [
      [
        { reason: /could not connect to server|connection/ },
        'a server of the database cluster is unavailable',
      ],
    ],
    'once a minute',
  )

  clock.advance(60_000)
  t.equal(await ready(), '{"status":"ok"}', 'nothing has failed for a minute')
  await alice.get('/users/me/items/Bar')
  t.equal(warn().length, 1, 'another minute, another line')
  t.equal(await ready(), '{"status":"degraded"}')
  remote.open()
  t.equal((await alice.get('/users/me/items/Bar')).statusCode, 404)
})

t.test('its errors are told from those of the database itself, in any language', async (t) => {
  const url = await cloneDatabase(t)
  const remoteUrl = await cloneDatabase(t)
  const remote = await startProxy(t, remoteUrl)
  await connectDatabases(url, remote.url)
  await query(
    remoteUrl,
    `CREATE FUNCTION shut_down() RETURNS int LANGUAGE plpgsql AS 'BEGIN RAISE admin_shutdown; END';
     CREATE VIEW ending AS SELECT shut_down() AS id`,
  )
  for (const table of ['ending', 'absent'])
    await query(url, `CREATE FOREIGN TABLE ${table} (id int) SERVER remote`)
  const settings = { databasePoolSize: 2, databaseTimeoutSeconds: 10 }
  const database = openDatabase(settings, await startErrorTranslator(t, url))
  t.teardown(() => database.$disconnect())
  const attempts = (table: string) => [
    database.pool.query({ text: `SELECT * FROM ${table}` }),
    database.$queryRawUnsafe(`SELECT * FROM ${table}`),
    database.$transaction((transaction) => transaction.$queryRawUnsafe(`SELECT * FROM ${table}`)),
  ]
  const failuresOf = (table: string) =>
    Promise.all(attempts(table).map((attempt) => attempt.catch((error: unknown) => error)))

  for (const failure of await failuresOf('absent')) {
    t.equal(sqlStateOf(failure), '42P01')
    t.equal(isDatabaseUnavailable(failure), false, 'a wrong statement')
  }
  for (const failure of await failuresOf('ending')) {
    t.equal(sqlStateOf(failure), '57P01')
    t.same(
      [isDatabaseUnavailable(failure), isOutage(failure), isOutcomeUnknown(failure)],
      [true, false, true],
    )
    t.match(describeFault(failure), /^a server of the cluster cannot be reached, or has failed: /)
  }
  remote.cut()
  for (const failure of await failuresOf('ending')) {
    t.match(sqlStateOf(failure), /^08/)
    t.same([isDatabaseUnavailable(failure), isOutage(failure)], [true, false])
  }
  const own = await database.$queryRaw`SELECT pg_terminate_backend(pg_backend_pid())`.catch(
    (error: unknown) => error,
  )
  t.equal(sqlStateOf(own), '57P01')
  t.equal(isOutage(own), true, 'the database itself')
})

/** Errors of Citus 13.2 for a worker that was killed or shut down. */
for (const [what, code, routine, isUnknown] of [
  ['a worker that refuses connections', '08006', 'ReportConnectionError', true],
  ['a worker without shards to show', '08006', 'DistributedRelationSizeOnWorker', true],
  ['a worker that was shut down during a statement', '57P01', 'ReportResultError', true],
  ['a worker without memory', '53200', 'ReportResultError', false],
  ['a worker that failed before the commit', 'XX000', 'CheckRemoteTransactionsHealth', true],
  ['a worker that failed at the commit', 'XX000', 'ErrorIfPostCommitFailedShardPlacements', true],
  ['a foreign server of another kind', 'HV00N', 'connect', false],
] as const)
  t.test(`${what} is a failed server`, async (t) => {
    const failure = recognizeNodeFailure(Object.assign(new Error('as said'), { code, routine }))
    t.type(failure, NodeFailure)
    t.equal(failure.message, 'as said')
    t.same(
      [isDatabaseUnavailable(failure), isOutage(failure), isOutcomeUnknown(failure)],
      [true, false, isUnknown],
    )
  })

for (const [what, error] of [
  ['a duplicate on a worker', Object.assign(new Error(), { code: '23505', routine: 'ReportResultError' })],
  ['a database that shuts down', Object.assign(new Error(), { code: '57P01', routine: 'ProcessInterrupts' })],
  ['a refusal of a pooler', Object.assign(new Error(), { code: '08P01' })],
  ['an internal error', Object.assign(new Error(), { code: 'XX000', routine: 'elog' })],
  ['a lost connection', new Error('Connection terminated unexpectedly')],
  ['no error', null],
] as const)
  t.test(`${what} is not`, async (t) => {
    t.equal(recognizeNodeFailure(error), error)
  })
