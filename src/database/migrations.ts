import { createHash, randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { schemaOf } from '../config/database-url.js'
import { migrationsDirectory } from '../files.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { reasonOf } from '../lifecycle/reason.js'
import type { Database } from './client.js'
import { isOwnSession, isPoolerRefusal, PoolerInBetween } from './pooler.js'
import { requireUsableSchema } from './schema.js'
import { openSession } from './session.js'

/** Key of the advisory lock that a process holds while it migrates. */
const migrationLock = 0x1a7c4e01

/** First statement of Prisma's first migrations. It requires a privilege on the database even if the schema exists. */
const schemaCreation = 'CREATE SCHEMA IF NOT EXISTS "public";'

/** SQLSTATE of the notices that migrations raise. Notices of PostgreSQL itself have other SQLSTATEs. */
const raisedNotice = '00000'

/** Codes of Node.js for a certificate whose authority is unknown. */
const untrustedCertificate = /SELF_SIGNED_CERT|UNABLE_TO_(VERIFY|GET_ISSUER)/
const trustHint = '; name its authority by sslrootcert, or set sslmode=no-verify'

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
 * Applies the migrations that a database lacks, each in a transaction, and records them in Prisma's history table as
 * `prisma migrate deploy` does. Processes that start together take turns.
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
    const { applied, pending } = await readStatus(connection)
    if (pending.length === 0) return []
    await ensureSchema(schemaOf(url), applied.length > 0, connection)
    await connection.query(historyTable)
    for (const name of pending) await applyMigration(name, connection)
    return pending
  })
}

/** Creates the schema for our tables if it is missing. @throws OperatorError if it cannot hold them */
async function ensureSchema(name: string, isOurs: boolean, connection: pg.Client): Promise<void> {
  if (!(await requireUsableSchema(name, isOurs, connection)))
    await connection.query(`CREATE SCHEMA ${connection.escapeIdentifier(name)}`)
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
    throw new OperatorError(`a migration failed: ${reasonOf(error as Error)}`, { cause: error })
  }
}

/** Returns which migrations of this version a database has. @throws OperatorError when it cannot be reached */
export function migrationStatus(url: string): Promise<MigrationStatus> {
  return withConnection(url, readStatus)
}

/** Returns the same, and requires that the pending migrations can be applied. @throws OperatorError if they cannot */
export function inspectMigrations(url: string): Promise<MigrationStatus> {
  return withConnection(url, async function inspect(connection) {
    const status = await readStatus(connection)
    if (!(await isOwnSession(connection))) throw new PoolerInBetween()
    if (status.pending.length > 0)
      await requireUsableSchema(schemaOf(url), status.applied.length > 0, connection)
    return status
  })
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
    const hint = untrustedCertificate.test(String(error.code)) ? trustHint : ''
    throw new OperatorError(`cannot reach the database: ${reasonOf(error)}${hint}`, { cause: error })
  })
  try {
    return await action(connection)
  } finally {
    await connection.end()
  }
}
