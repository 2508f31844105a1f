import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/index.js'
import { isMigrated, migrate, migrationNames, migrationStatus } from '../../src/database/migrations.js'
import { migrationsDirectory } from '../../src/files.js'
import { StartupError } from '../../src/startup-error.js'
import { cloneDatabase, newDatabase } from '../helpers/database.js'
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

t.test('two that migrate at once apply each migration once, into a history that Prisma knows', async (t) => {
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

t.test('a migration that fails is one line for the user, then and on the next start', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, 'DELETE FROM _prisma_migrations')
  for (let start = 1; start <= 2; start++)
    await refuses(t, url, /^a migration failed: .*"users" already exists/)
  t.strictSame(await migrationStatus(url), { applied: [], pending: names })
})

t.test("a database that is somebody else's is left alone, and one line for the user", async (t) => {
  const url = await newDatabase(t)
  await query(url, 'CREATE TABLE theirs (id int)')
  await refuses(t, url, /^a migration failed: .*not empty/)
  t.strictSame(await query(url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"), [
    { tablename: 'theirs' },
  ])
})

for (const host of ['127.0.0.1', 'localhost'])
  t.test(`a database on ${host} that cannot be reached is one line for the user`, async (t) => {
    const url = await unreachableUrl(host)
    for (const attempt of [migrate, migrationStatus]) {
      const error = await failureOf(attempt(url))
      t.type(error, StartupError)
      t.match(error.message, /^cannot reach the database: .*ECONNREFUSED.*$/)
      t.notMatch(error.message, 'secret')
    }
  })

t.test('a connection that ends while it waits for its turn fails, and nothing else', async (t) => {
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
  t.type(error, StartupError)
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
