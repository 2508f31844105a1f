import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MigrationList } from '@prisma/schema-engine-wasm'
import pg from 'pg'
import { StartupError } from '../startup-error.js'
import { noFilters, withSchemaEngine } from './engine.js'
import type { Database } from './index.js'

/** Where the migrations are: one folder each, in the order of their names. */
export const migrationsDirectory = join(import.meta.dirname, '../../prisma/migrations')

/** Names the lock that one replica holds while it migrates and the others wait for. */
const migrationLock = 0x1a7c4e01

/** How the migrations of this version stand in a database. */
export interface MigrationStatus {
  applied: string[]
  pending: string[]
}

/**
 * Applies the migrations that a database lacks, by Prisma's own engine and into Prisma's own history table.
 * Replicas that start together take turns.
 *
 * @returns the names of those that were applied now
 * @throws StartupError when the database cannot be reached or a migration fails
 */
export async function migrate(url: string): Promise<string[]> {
  return withConnection(url, async (connection) => {
    await connection.query('SELECT pg_advisory_lock($1)', [migrationLock])
    const { pending } = await readStatus(connection)
    if (pending.length === 0) return []
    const { appliedMigrationNames } = await withSchemaEngine(url, (engine) =>
      engine.applyMigrations({ migrationsList: listMigrations(), filters: noFilters }),
    ).catch((error: Error) => {
      throw new StartupError(`a migration failed: ${error.message.trim().replace(/\s+/g, ' ')}`)
    })
    return appliedMigrationNames
  })
}

/** Which migrations of this version a database has. @throws StartupError when it cannot be reached */
export function migrationStatus(url: string): Promise<MigrationStatus> {
  return withConnection(url, readStatus)
}

/** Whether the database has the last migration of this version. */
export async function isMigrated(database: Database): Promise<boolean> {
  const last = migrationNames().at(-1)
  const [found] = await database.$queryRaw<unknown[]>`
    SELECT 1 FROM _prisma_migrations
    WHERE migration_name = ${last} AND finished_at IS NOT NULL AND rolled_back_at IS NULL`
  return found !== undefined
}

/** The names of the migrations of this version, the oldest first. */
export function migrationNames(directory = migrationsDirectory): string[] {
  const entries = readdirSync(directory, { withFileTypes: true })
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort()
}

async function readStatus(connection: pg.Client): Promise<MigrationStatus> {
  const history = await connection.query<{ present: boolean }>(
    "SELECT to_regclass('_prisma_migrations') IS NOT NULL AS present",
  )
  const { rows } = history.rows[0]?.present
    ? await connection.query<{ migration_name: string }>(
        'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
      )
    : { rows: [] }
  const done = new Set(rows.map((row) => row.migration_name))
  const names = migrationNames()
  return { applied: names.filter((name) => done.has(name)), pending: names.filter((name) => !done.has(name)) }
}

async function withConnection<T>(url: string, action: (connection: pg.Client) => Promise<T>): Promise<T> {
  const connection = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  // Without a listener the end of the connection would end the process; the query that it interrupts fails anyway.
  connection.on('error', () => {})
  await connection.connect().catch(({ message, code }: Error & { code?: string }) => {
    // Where a host has several addresses, the message is empty.
    throw new StartupError(`cannot reach the database: ${[message, code].find(Boolean)}`)
  })
  try {
    return await action(connection)
  } finally {
    await connection.end()
  }
}

function listMigrations(): MigrationList {
  const read = (path: string) => readFileSync(join(migrationsDirectory, path), 'utf8')
  return {
    baseDir: migrationsDirectory,
    lockfile: { path: 'migration_lock.toml', content: read('migration_lock.toml') },
    shadowDbInitScript: '',
    migrationDirectories: migrationNames().map((path) => ({
      path,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: read(`${path}/migration.sql`) } },
    })),
  }
}
