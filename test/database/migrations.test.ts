import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { TLSSocket } from 'node:tls'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { isMigrated, migrate, migrationNames, migrationStatus } from '../../src/database/migrations.js'
import { removeExpired } from '../../src/database/retention.js'
import { migrationsDirectory } from '../../src/files.js'
import { OperatorError } from '../../src/lifecycle/operator-error.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { anyDatabase, cloneDatabase, newDatabase } from '../helpers/database.js'
import { plainOptions } from '../helpers/hostile.js'
import { query, unreachableUrl } from './query.js'

const names = migrationNames()

t.test('on an empty database every migration is applied, and none the second time', async (t) => {
  const url = await newDatabase(t)
  t.strictSame(await migrationStatus(url), { applied: [], pending: names })
  t.strictSame(await migrate(url), names)
  t.strictSame(await migrate(url), [])
  t.strictSame(await migrationStatus(url), { applied: names, pending: [] })
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
    t.strictSame(await migrationStatus(url), { applied: [], pending: names }, change)
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
  t.strictSame(await migrationStatus(url), { applied: [first], pending: others })
})

/** Creates a role, and an empty database that it does not own. */
async function roleAndDatabase(t: Test): Promise<{ role: string; url: string; owned: string }> {
  const role = `app_${randomUUID().replaceAll('-', '')}`
  await query(await anyDatabase(), `CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)
  t.teardown(async () => query(await anyDatabase(), `DROP ROLE ${role}`))
  const owned = await newDatabase(t)
  const url = new URL(owned)
  url.username = role
  url.password = 'secret'
  return { role, url: url.href, owned }
}

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
    /self-signed certificate; name its authority by sslrootcert, or set sslmode=no-verify$/,
  )
})

t.test('a connection that is lost while it waits for its turn fails the migration only', async (t) => {
  const url = await newDatabase(t)
  const watcher = new pg.Client({ connectionString: url, options: plainOptions })
  await watcher.connect()
  t.teardown(() => watcher.end())
  await watcher.query('SELECT pg_advisory_lock($1)', [0x1a7c4e01])
  const failure = failureOf(migrate(url))
  await waitForRow(
    watcher,
    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
  )
  t.match((await failure).message, /terminat/)
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
