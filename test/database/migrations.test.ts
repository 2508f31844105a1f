import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { isMigrated, migrationNames } from '../../src/database/migration-history.js'
import { migrate, migrationStatus } from '../../src/database/migrations.js'
import { removeExpired } from '../../src/database/retention.js'
import { migrationsDirectory } from '../../src/files.js'
import { OperatorError } from '../../src/lifecycle/operator-error.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { anyDatabase, cloneDatabase, newDatabase } from '../helpers/database.js'
import { plainOptions } from '../helpers/hostile.js'
import { beginTransaction, until, untilWaiting } from '../helpers/replicas.js'
import { roleAndDatabase } from '../helpers/role.js'
import { query, unreachableUrl } from './query.js'

const names = migrationNames()

t.test('on an empty database every migration is applied, and none the second time', async (t) => {
  const url = await newDatabase(t)
  t.strictSame(await migrationStatus(url), { applied: [], pending: names, changed: [], unknown: [] })
  const notices: string[] = []
  t.strictSame(await migrate(url, (notice) => notices.push(notice)), names)
  t.strictSame(notices, [], 'there are none of PostgreSQL itself')
  t.strictSame(await migrate(url), [])
  t.strictSame(await migrationStatus(url), { applied: names, pending: [], changed: [], unknown: [] })
})

t.test('two processes apply each migration once, and record it in the history of Prisma', async (t) => {
  const url = await newDatabase(t)
  const applied = await Promise.all([migrate(url), migrate(url)])
  t.strictSame(applied.flat(), names)
  const history = await query(url, 'SELECT migration_name, checksum FROM _prisma_migrations ORDER BY 1')
  t.strictSame(
    history,
    names.map((name) => ({ migration_name: name, checksum: checksumOf(name) })),
  )
})

t.test('a migration that was rolled back or not finished is pending', async (t) => {
  for (const change of ['rolled_back_at = now()', 'finished_at = NULL']) {
    const url = await cloneDatabase(t)
    await query(url, `UPDATE _prisma_migrations SET ${change}`)
    t.strictSame(
      await migrationStatus(url),
      { applied: [], pending: names, changed: [], unknown: [] },
      change,
    )
    t.equal(await checkMigrated(t, url), false, change)
  }
})

t.test('a database with the last migration is migrated, one without is not', async (t) => {
  const url = await cloneDatabase(t)
  t.equal(await checkMigrated(t, url), true)
  await query(url, 'DELETE FROM _prisma_migrations WHERE migration_name = $1', [names.at(-1)])
  t.equal(await checkMigrated(t, url), false)
})

t.test('a failing migration is reported in one line, on this start and the next', async (t) => {
  const url = await cloneDatabase(t)
  const [first, ...others] = names
  await query(url, 'DELETE FROM _prisma_migrations WHERE migration_name <> $1', [first])
  for (let start = 1; start <= 2; start++) await refuses(t, url, /^a migration failed: .*already exists/)
  t.match(await migrationStatus(url), { applied: [first], pending: others })
})

const indexMigration = '20261129012900_items_owner_id_index'
const keyMigration = '20261129013000_items_by_owner'

/** Creates a database that lacks the migrations of the key of items. */
async function databaseWithFormerKey(t: Test): Promise<string> {
  const url = await cloneDatabase(t)
  await query(url, 'DELETE FROM _prisma_migrations WHERE migration_name IN ($1, $2)', [
    indexMigration,
    keyMigration,
  ])
  await query(url, 'ALTER TABLE items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (id)')
  return url
}

const itemKeys = `
  SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index
  WHERE indrelid = 'items'::regclass AND indisunique AND indisvalid ORDER BY 1`

const expectedKeys = [
  'CREATE UNIQUE INDEX items_owner_id_item_id_key ON public.items USING btree (owner_id, item_id)',
  'CREATE UNIQUE INDEX items_pkey ON public.items USING btree (owner_id, id)',
]

t.test('an index is built while items are written, and built anew after an interruption', async (t) => {
  const url = await databaseWithFormerKey(t)
  const writer = await beginTransaction(t, url, "UPDATE items SET title = 'x'")
  const failure = failureOf(migrate(url))
  await untilWaiting(url)
  await query(url, "INSERT INTO items (id, owner_id, item_id) SELECT id, id, 'new' FROM users")
  await query(
    url,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ 'CREATE UNIQUE INDEX CONCURRENTLY' AND pid <> pg_backend_pid()",
  )
  t.type(await failure, OperatorError)
  await writer.query('COMMIT')
  t.match(await migrationStatus(url), { pending: [indexMigration, keyMigration] })
  t.strictSame(await migrate(url), [indexMigration, keyMigration])
  t.strictSame(
    await query(url, itemKeys),
    expectedKeys.map((definition) => ({ definition })),
  )
})

t.test('a process that waits for its turn does not hold up an index', async (t) => {
  const url = await databaseWithFormerKey(t)
  const writer = await beginTransaction(t, url, "UPDATE items SET title = 'x'")
  const running = migrate(url)
  await untilWaiting(url)
  const waiting = migrate(url)
  await until('the other process to wait', async () => {
    const found = await query(
      url,
      "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query ~ '^SELECT pg_(try_)?advisory_lock'",
    )
    return found.length > 0
  })
  await writer.query('COMMIT')
  t.strictSame(await running, [indexMigration, keyMigration])
  t.strictSame(await waiting, [])
})

t.test('a start that has nothing to migrate does not wait for a process that holds the lock', async (t) => {
  const url = await cloneDatabase(t)
  await beginTransaction(t, url, `SELECT pg_advisory_lock_shared(${0x1a7c4e11})`)
  t.strictSame(await migrate(url), [])
})

t.test('a table that is in use is not waited for, as all requests would wait too', async (t) => {
  const url = await databaseWithFormerKey(t)
  const backup = await beginTransaction(t, url, 'LOCK TABLE items IN ACCESS SHARE MODE')
  await refuses(t, url, /lock timeout/)
  await backup.query('COMMIT')
  t.strictSame(await migrate(url), [keyMigration])
})

t.test('a role with nothing but USAGE and CREATE on the schema migrates and serves', async (t) => {
  const { role, url, owned } = await roleAndDatabase(t)
  const name = new URL(owned).pathname.slice(1)
  await query(owned, `REVOKE ALL ON DATABASE ${name} FROM PUBLIC; REVOKE ALL ON SCHEMA public FROM PUBLIC`)
  await query(owned, `GRANT CONNECT ON DATABASE ${name} TO ${role}`)
  await query(owned, `GRANT USAGE, CREATE ON SCHEMA public TO ${role}`)
  t.strictSame(await migrate(url), names)
  t.equal((await runCommand(url, ['seed'])).status, 0)
  const app = await startApp(t, {}, url)
  const token = await logIn(app, 'johndoe', 'secret')
  t.equal((await as(app, token).get('/users/me/items/')).statusCode, 200)
  await app.ready()
  await app.changes.sync()
  await removeExpired(app.database, { eventRetentionSeconds: 1 })
  const doctor = await runCommand(url, ['doctor'], { env: { DATA_DIRECTORY: t.testdir() } })
  t.notMatch(doctor.stdout, /^fail +(?!address|issuer| )/m)
})

for (const [what, prepare, parameters] of [
  ['its own schema', (role: string) => `CREATE SCHEMA "my app" AUTHORIZATION ${role}`, '?schema=my+app'],
  [
    'a schema that does not exist yet',
    (role: string, name: string) => `GRANT CREATE ON DATABASE ${name} TO ${role}`,
    '?schema=my%20app&sslmode=disable',
  ],
] as const)
  t.test(`all tables are in ${what} that the URL names`, async (t) => {
    const { role, url, owned } = await roleAndDatabase(t)
    await query(owned, prepare(role, new URL(owned).pathname.slice(1)))
    const named = `${url}${parameters}`
    t.strictSame(await migrate(named), names)
    t.equal((await runCommand(named, ['seed'])).status, 0)
    const app = await startApp(t, {}, named)
    const token = await logIn(app, 'johndoe', 'secret')
    t.equal((await as(app, token).patch('/users/me/', { full_name: 'J' })).statusCode, 200)
    t.equal((await as(app, token).get('/readyz')).statusCode, 200)
    t.strictSame(
      await query(
        owned,
        "SELECT DISTINCT schemaname FROM pg_tables WHERE schemaname !~ '^(pg_|information)'",
      ),
      [{ schemaname: 'my app' }],
    )
  })

t.test('a role that may not create tables is reported in one line before anything is written', async (t) => {
  const { role, url, owned } = await roleAndDatabase(t)
  await query(owned, `CREATE SCHEMA own AUTHORIZATION ${role}`)
  await refuses(
    t,
    url,
    new RegExp(`^${role} may not .* schema public: GRANT USAGE, CREATE ON SCHEMA public TO ${role}`),
  )
  await refuses(
    t,
    `${url}?schema=new`,
    new RegExp(`^${role} may not .* CREATE SCHEMA new AUTHORIZATION ${role}`),
  )
  t.strictSame(await query(owned, "SELECT FROM pg_tables WHERE schemaname !~ '^(pg_|information)'"), [])
})

t.test('a database with another encoding than UTF-8 is refused before anything is written', async (t) => {
  const url = new URL(await anyDatabase())
  url.pathname = `/latchkey_test_${randomUUID().replaceAll('-', '')}`
  const name = url.pathname.slice(1)
  await query(
    await anyDatabase(),
    `CREATE DATABASE ${name} TEMPLATE template0 ENCODING LATIN1 LOCALE_PROVIDER libc LOCALE 'C'`,
  )
  t.teardown(async () => query(await anyDatabase(), `DROP DATABASE ${name} WITH (FORCE)`))
  await refuses(t, url.href, /^the encoding of the database is LATIN1: UTF8 is required$/)
  t.strictSame(await query(url.href, "SELECT FROM pg_tables WHERE schemaname = 'public'"), [])
})

for (const host of ['127.0.0.1', 'localhost'])
  t.test(`an unreachable database on ${host} is reported in one line`, async (t) => {
    const url = await unreachableUrl(host)
    for (const attempt of [migrate, migrationStatus]) {
      const error = await failureOf(attempt(url))
      t.type(error, OperatorError)
      t.match(error.message, /^cannot reach the database: .*ECONNREFUSED.*$/)
      t.notMatch(error.message, 'secret')
    }
  })

t.test('a server whose certificate is not trusted is reported with what to do', async (t) => {
  const pem = readFileSync('test/fixtures/tls/self-signed.pem')
  const server = createServer((socket) => {
    socket.on('error', () => {})
    // PostgreSQL answers S to the request for TLS, which is the first message.
    socket.once('data', () => {
      socket.write('S')
      new TLSSocket(socket, { isServer: true, key: pem, cert: pem }).on('error', () => {})
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const error = await failureOf(migrate(`postgresql://user@localhost:${port}/db?sslmode=require`))
  t.type(error, OperatorError)
  t.match(
    error.message,
    /self-signed certificate(; .*)?; name its authority by sslrootcert, or set sslmode=no-verify$/,
  )
})

t.test('a connection that is lost while it waits for its turn fails the migration only', async (t) => {
  const url = await newDatabase(t)
  const watcher = new pg.Client({ connectionString: url, options: plainOptions })
  await watcher.connect()
  t.teardown(() => watcher.end())
  await watcher.query('SELECT pg_advisory_lock($1)', [0x1a7c4e11])
  const failure = failureOf(migrate(url))
  await waitForRow(
    watcher,
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ~ '^SELECT pg_try_advisory_lock' AND datname = current_database()",
  )
  t.match((await failure).message, /terminat|connection error/)
})

async function refuses(t: Test, url: string, reason: RegExp): Promise<void> {
  const error = await failureOf(migrate(url))
  t.type(error, OperatorError)
  t.match(error.message, reason)
  t.notMatch(error.message, '\n')
}

async function waitForRow(client: pg.Client, sql: string): Promise<void> {
  while ((await client.query(sql)).rowCount === 0);
}

function checksumOf(name: string): string {
  return createHash('sha256')
    .update(readFileSync(join(migrationsDirectory, name, 'migration.sql')))
    .digest('hex')
}

async function checkMigrated(t: Test, url: string): Promise<boolean> {
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  return isMigrated(database)
}

async function failureOf(attempt: Promise<unknown>): Promise<Error> {
  return attempt.then(
    () => new Error('it did not fail'),
    (error: Error) => error,
  )
}
