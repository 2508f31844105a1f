import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { describeFault } from '../database/faults.js'
import { type AppliedMigration, listApplied } from '../database/migration-history.js'
import { lockMigrations } from '../database/migration-lock.js'
import { withOperatorSession } from '../database/operator-session.js'
import { requireOwnSession } from '../database/pooler.js'
import { inSession, type QueryTarget } from '../database/query.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { reasonOf } from '../lifecycle/reason.js'
import {
  type ArchiveHeader,
  type ArchiveSummary,
  type ArchiveTable,
  countRows,
  InvalidArchive,
} from './archive.js'
import { readArchive } from './archive-reader.js'
import { suspendTriggers } from './suspended-triggers.js'
import { listSequences, listTables } from './tables.js'

/** Maximum time to wait for transactions that use the tables. */
const lockTimeout = '10s'

/**
 * Number of values that are skipped in each sequence, as some were used after the backup: tokens that were issued meanwhile name
 * them.
 */
const skippedValues = 1_000

/** Conditions of the rows that migrations add to a new database, by their tables. */
const rowsOfMigrations: Record<string, string> = { clients: "client_id = 'first-party' AND generation = 0" }

/**
 * Fills a migrated database without content from an archive, in one transaction. Rows are stored as they were, and all checks,
 * unique indexes and foreign keys are verified.
 *
 * @param complete changes what was restored before it becomes visible, while triggers are suspended
 * @throws OperatorError if the archive is invalid or does not fit the database, which is then unchanged
 */
export async function restoreArchive(
  url: string,
  source: AsyncIterable<Uint8Array>,
  complete: (target: QueryTarget) => Promise<void>,
): Promise<ArchiveSummary> {
  return withOperatorSession(url, async function restore(session) {
    await requireOwnSession(session)
    await lockMigrations(session, 'exclusive')
    const tables = await listTables(session)
    // Before the tables are locked, as a service may be running on a database with content.
    await requireEmpty(tables, session)
    await session.query('BEGIN')
    await lockTables(tables, session)
    const summary = await fill(tables, source, complete, session).catch(explainRefusal)
    await session.query(`ANALYZE ${namesOf(tables)}`)
    await session.query("SELECT pg_notify('latchkey_changes', 'all')")
    await session.query('COMMIT')
    return summary
  })
}

/** Fills the tables while the archive is read. */
function fill(
  tables: ArchiveTable[],
  source: AsyncIterable<Uint8Array>,
  complete: (target: QueryTarget) => Promise<void>,
  session: pg.Client,
): Promise<ArchiveSummary> {
  return readArchive(source, async function prepare(header) {
    requireSameMigrations(header, await listApplied(session))
    requireSameTables(header.tables, tables)
    const resumeTriggers = await suspendTriggers(session)
    await requireEmpty(tables, session)
    await deleteRowsOfMigrations(session)
    await advanceSequences(header, session)
    return {
      onTable: (table, rows) => storeRows(table, rows, session),
      async onEnd() {
        await complete(inSession(session))
        await resumeTriggers()
      },
    }
  })
}

/** Locks the tables, so that a service that starts meanwhile waits. */
async function lockTables(tables: ArchiveTable[], session: pg.Client): Promise<void> {
  await session.query(`SET LOCAL lock_timeout = '${lockTimeout}'`)
  await session.query(`LOCK TABLE ${namesOf(tables)} IN ACCESS EXCLUSIVE MODE`)
}

function namesOf(tables: ArchiveTable[]): string {
  return tables.map(({ name }) => pg.escapeIdentifier(name)).join(', ')
}

/** @throws OperatorError unless the archive was made of a database with the same migrations */
function requireSameMigrations({ migrations, latchkey }: ArchiveHeader, applied: AppliedMigration[]): void {
  const checksums = new Map(applied.map(({ name, checksum }) => [name, checksum]))
  const known = new Set(migrations.map(({ name }) => name))
  const newer = migrations.filter(({ name }) => !checksums.has(name)).map(({ name }) => name)
  if (newer.length > 0)
    throw new OperatorError(
      `the archive is of a later version, ${latchkey}: the database lacks ${newer.join(' ')}; restore it with that version`,
    )
  const older = applied.filter(({ name }) => !known.has(name)).map(({ name }) => name)
  if (older.length > 0)
    throw new OperatorError(
      `the archive is of an earlier version, ${latchkey}, without ${older.join(' ')}: restore it with that version into a new ` +
        'database, and then run latchkey migrate with this one',
    )
  const changed = migrations.filter(({ name, checksum }) => checksums.get(name) !== checksum)
  if (changed.length > 0)
    throw new OperatorError(
      `the database of the archive was made by other migrations: ${changed.map(({ name }) => name).join(' ')}`,
    )
}

/**
 * Compares the tables and their columns, so that statements take no name from the archive that the database does not have.
 *
 * @throws InvalidArchive if they differ
 */
function requireSameTables(archived: ArchiveTable[], tables: ArchiveTable[]): void {
  const describe = ({ name, columns }: ArchiveTable) => JSON.stringify([name, [...columns].sort()])
  const expected = tables.map(describe).sort()
  const found = archived.map(describe).sort()
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new InvalidArchive('has other tables than the database, though it has the same migrations')
}

/** @throws OperatorError if the database has rows that no migration has added */
async function requireEmpty(tables: ArchiveTable[], session: pg.Client): Promise<void> {
  const filled: string[] = []
  for (const { name } of tables) {
    const known = rowsOfMigrations[name] ?? 'false'
    const { rowCount } = await session.query(
      `SELECT FROM ${pg.escapeIdentifier(name)} WHERE NOT (${known}) LIMIT 1`,
    )
    if (rowCount) filled.push(name)
  }
  if (filled.length > 0)
    throw new OperatorError(
      `the database is not empty: it has ${filled.join(', ')}; restore into a new database, before the service is started on it`,
    )
}

async function deleteRowsOfMigrations(session: pg.Client): Promise<void> {
  for (const [table, condition] of Object.entries(rowsOfMigrations))
    await session.query(`DELETE FROM ${table} WHERE ${condition}`)
}

/** @throws InvalidArchive if the database does not store every row */
async function storeRows(
  { name, columns }: ArchiveTable,
  rows: AsyncIterable<Buffer>,
  session: pg.Client,
): Promise<void> {
  const list = columns.map(pg.escapeIdentifier).join(', ')
  const target = session.query(copyFrom(`COPY ${pg.escapeIdentifier(name)} (${list}) FROM STDIN`))
  let sent = 0
  await pipeline(
    rows,
    async function* count(chunks: AsyncIterable<Buffer>) {
      for await (const chunk of chunks) {
        sent += countRows(chunk)
        yield chunk
      }
    },
    target,
  )
  if (target.rowCount !== sent)
    throw new InvalidArchive(
      `was refused by the database: it stored ${target.rowCount} of ${sent} rows of ${name}`,
    )
}

/** @throws InvalidArchive if the archive lacks a sequence of the database */
async function advanceSequences({ sequences }: ArchiveHeader, session: pg.Client): Promise<void> {
  const values = new Map(sequences.map(({ name, value }) => [name, value]))
  for (const { name } of await listSequences(session)) {
    const value = values.get(name)
    if (value === undefined) throw new InvalidArchive(`lacks the sequence ${name}`)
    await session.query('SELECT setval($1::regclass, $2::bigint + $3)', [
      pg.escapeIdentifier(name),
      value,
      skippedValues,
    ])
  }
}

/** Explains why PostgreSQL refused what the archive contains. @throws OperatorError */
function explainRefusal(error: Error): never {
  const fault = describeFault(error)
  if (error instanceof OperatorError || fault !== undefined) throw error
  throw new InvalidArchive(`was refused by the database: ${reasonOf(error)}`, error)
}
