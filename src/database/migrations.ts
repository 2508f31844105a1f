import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { schemaOf } from '../config/urls.js'
import { migrationsDirectory } from '../files.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import type { Database } from './client.js'
import { isOwnSession, isPoolerRefusal, PoolerInBetween } from './pooler.js'
import { openSession } from './session.js'

/** Key of the advisory lock that a process holds while it migrates. */
const migrationLock = 0x1a7c4e01

/** First statement of Prisma's first migrations. It requires a privilege on the database even if the schema exists. */
const schemaCreation = 'CREATE SCHEMA IF NOT EXISTS "public";'

/** SQLSTATE of the notices that migrations raise. Those of PostgreSQL itself have others. */
const raisedNotice = '00000'

/** Creates the history table as Prisma does. */
const historyTable = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`

/** Names of the migrations of this version that a database has and lacks. */
export interface MigrationStatus {
  applied: string[]
  pending: string[]
}

/**
 * Applies the migrations that a database lacks, each in a transaction, and records them in Prisma's history table like
 * `prisma migrate deploy`. Processes that start together take turns.
 *
 * @param onNotice receives the notices of migrations about data that they changed
 * @returns the names of the applied migrations
 * @throws OperatorError when the database cannot be reached, a pooler is in between or a migration fails
 */
export async function migrate(url: string, onNotice?: (text: string) => void): Promise<string[]> {
  return withConnection(url, async (connection) => {
    connection.on('notice', ({ message, code }) => {
      if (code === raisedNotice) onNotice?.(String(message))
    })
    if (!(await isOwnSession(connection))) throw new PoolerInBetween()
    await connection.query('SELECT pg_advisory_lock($1)', [migrationLock])
    const { pending } = await readStatus(connection)
    if (pending.length === 0) return []
    await ensureSchema(schemaOf(url), connection)
    await requireOwnTables(connection)
    await connection.query(historyTable)
    for (const name of pending) await applyMigration(name, connection)
    return pending
  })
}

/** Creates the schema for our tables if it is missing. @throws OperatorError if it cannot hold them */
async function ensureSchema(name: string, connection: pg.Client): Promise<void> {
  const { rows } = await connection.query<{
    exists: boolean
    allowed: boolean
    role: string
    encoding: string
  }>(
    `SELECT exists, current_user AS role, getdatabaseencoding() AS encoding,
      CASE WHEN exists THEN has_schema_privilege($1, 'USAGE') AND has_schema_privilege($1, 'CREATE')
        ELSE has_database_privilege(current_database(), 'CREATE') END AS allowed
    FROM (SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)) AS found`,
    [name],
  )
  const { exists, allowed, role, encoding } = rows[0] as NonNullable<(typeof rows)[0]>
  if (encoding !== 'UTF8')
    throw new OperatorError(`the encoding of the database is ${encoding}: UTF8 is required`)
  if (allowed) {
    if (!exists) await connection.query(`CREATE SCHEMA ${connection.escapeIdentifier(name)}`)
    return
  }
  const remedy = exists
    ? `GRANT USAGE, CREATE ON SCHEMA ${name} TO ${role}`
    : `CREATE SCHEMA ${name} AUTHORIZATION ${role}`
  throw new OperatorError(
    `${role} may not create tables in schema ${name}: ${remedy}, or name another one as ?schema= in DATABASE_URL`,
  )
}

/** @throws OperatorError if the schema holds tables of another program */
async function requireOwnTables(connection: pg.Client): Promise<void> {
  const { rows } = await connection.query(`
    SELECT FROM pg_tables WHERE schemaname = current_schema() AND to_regclass('_prisma_migrations') IS NULL LIMIT 1`)
  if (rows.length > 0)
    throw new OperatorError('a migration failed: the database holds tables of another program')
}

/** Applies a migration atomically, and records it by the row that Prisma's engine would write. */
async function applyMigration(name: string, connection: pg.Client): Promise<void> {
  const sql = readFileSync(join(migrationsDirectory, name, 'migration.sql'), 'utf8')
  const checksum = createHash('sha256').update(sql).digest('hex')
  try {
    await connection.query('BEGIN')
    await connection.query('SET LOCAL statement_timeout = 0')
    await connection.query(sql.replace(schemaCreation, ''))
    await connection.query(
      `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, clock_timestamp(), 1)`,
      [randomUUID(), checksum, name],
    )
    await connection.query('COMMIT')
  } catch (error) {
    const reason = (error as Error).message.trim().replace(/\s+/g, ' ')
    throw new OperatorError(`a migration failed: ${reason}`, { cause: error })
  }
}

/** Returns which migrations of this version a database has. @throws OperatorError when it cannot be reached */
export function migrationStatus(url: string): Promise<MigrationStatus> {
  return withConnection(url, readStatus)
}

/** Returns whether the database has the last migration of this version. */
export async function isMigrated(database: Database): Promise<boolean> {
  const last = migrationNames().at(-1)
  const [found] = await database.$queryRaw<unknown[]>`
    SELECT 1 FROM _prisma_migrations
    WHERE migration_name = ${last} AND finished_at IS NOT NULL AND rolled_back_at IS NULL`
  return found !== undefined
}

/** Returns the names of the migrations of this version, the oldest first. */
export function migrationNames(): string[] {
  const entries = readdirSync(migrationsDirectory, { withFileTypes: true })
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
  const connection = await openSession({ url }).catch((error: Error & { code?: string }) => {
    if (error instanceof OperatorError) throw error
    if (isPoolerRefusal(error)) throw new PoolerInBetween(error)
    // The message is empty if the host has several addresses.
    const reason = [error.message, error.code].find(Boolean)
    throw new OperatorError(`cannot reach the database: ${reason}`, { cause: error })
  })
  try {
    return await action(connection)
  } finally {
    await connection.end()
  }
}
