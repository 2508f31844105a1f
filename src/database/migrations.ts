import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { schemaOf } from '../config/database-url.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { reasonOf } from '../lifecycle/reason.js'
import {
  checksumOf,
  historyTable,
  type MigrationStatus,
  readMigration,
  readStatus,
} from './migration-history.js'
import { lockMigrations } from './migration-lock.js'
import { withOperatorSession } from './operator-session.js'
import { requireOwnSession } from './pooler.js'
import { requireUsableSchema } from './schema.js'

/** Matches a statement that PostgreSQL executes only outside of transactions, as the only one of its migration. */
const concurrentIndex = /^CREATE (?:UNIQUE )?INDEX CONCURRENTLY "(\w+)"/m

/** First statement of Prisma's first migrations. It requires a privilege on the database even if the schema exists. */
const schemaCreation = 'CREATE SCHEMA IF NOT EXISTS "public";'

/**
 * Time to wait for a lock on a table, while all requests that use the table wait behind it. If another transaction holds the table
 * for longer, such as that of a backup, the migration fails, and is repeated by the next start.
 */
const lockTimeout = '2s'

/** SQLSTATE of the notices that migrations raise. Notices of PostgreSQL itself have other SQLSTATEs. */
const raisedNotice = '00000'

/**
 * Keeps Citus from copying our functions to the workers: their triggers are on the coordinator, and it could not change the
 * search path of copies. PostgreSQL without Citus ignores the setting.
 */
const keepFunctionsHere = 'SET citus.create_object_propagation = deferred'

/**
 * Applies the migrations that a database lacks, each in a transaction if PostgreSQL allows it, and records them in Prisma's
 * history table as `prisma migrate deploy` does. Processes that start together take turns.
 *
 * @param onNotice receives the notices of migrations about data that they changed
 * @returns the names of the applied migrations
 * @throws OperatorError when the database cannot be reached, a pooler is in between or a migration fails
 */
export async function migrate(url: string, onNotice?: (text: string) => void): Promise<string[]> {
  return withOperatorSession(url, async (connection) => {
    connection.on('notice', ({ message, code }) => {
      if (code === raisedNotice) onNotice?.(String(message))
    })
    await requireOwnSession(connection)
    // A backup holds the lock for as long as it takes. Starts that migrate nothing do not wait for it.
    if ((await readStatus(connection)).pending.length === 0) return []
    await lockMigrations(connection, 'exclusive')
    const { applied, pending } = await readStatus(connection)
    if (pending.length === 0) return []
    await connection.query(keepFunctionsHere)
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

async function applyMigration(name: string, connection: pg.Client): Promise<void> {
  const sql = readMigration(name)
  const [, index] = concurrentIndex.exec(sql) ?? []
  try {
    if (index === undefined) await applyAtomically(name, sql, connection)
    else await applyConcurrently(name, sql, index, connection)
  } catch (error) {
    throw new OperatorError(`a migration failed: ${reasonOf(error as Error)}`, { cause: error })
  }
}

async function applyAtomically(name: string, sql: string, connection: pg.Client): Promise<void> {
  await connection.query('BEGIN')
  await connection.query(`SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '${lockTimeout}'`)
  await connection.query(sql.replace(schemaCreation, ''))
  await record(name, sql, connection)
  await connection.query('COMMIT')
}

/** Builds an index, after dropping what an interrupted attempt has left: one of the same name, invalid or not recorded. */
async function applyConcurrently(
  name: string,
  sql: string,
  index: string,
  connection: pg.Client,
): Promise<void> {
  const { rows } = await connection.query('SELECT WHERE to_regclass($1) IS NOT NULL', [index])
  if (rows.length > 0) await connection.query(`DROP INDEX CONCURRENTLY ${index}`)
  await connection.query(sql)
  await record(name, sql, connection)
}

/** Records a migration by the row that Prisma's engine would write. */
async function record(name: string, sql: string, connection: pg.Client): Promise<void> {
  await connection.query(
    `INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
     VALUES ($1, $2, $3, clock_timestamp(), 1)`,
    [randomUUID(), checksumOf(sql), name],
  )
}

/** Returns which migrations a database has and lacks. @throws OperatorError when it cannot be reached */
export function migrationStatus(url: string): Promise<MigrationStatus> {
  return withOperatorSession(url, readStatus)
}

/** Returns the same, and requires that the pending migrations can be applied. @throws OperatorError if they cannot */
export function inspectMigrations(url: string): Promise<MigrationStatus> {
  return withOperatorSession(url, async function inspect(connection) {
    const status = await readStatus(connection)
    await requireOwnSession(connection)
    if (status.pending.length > 0)
      await requireUsableSchema(schemaOf(url), status.applied.length > 0, connection)
    return status
  })
}
