import { pipeline } from 'node:stream/promises'
import pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { describeFault } from '../database/faults.js'
import { listApplied } from '../database/migration-history.js'
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
import {
  requireEmpty,
  requireSameMigrations,
  requireSameTables,
  rowsOfMigrations,
} from './restore-requirements.js'
import { suspendTriggers } from './suspended-triggers.js'
import { listSequences, listTables } from './tables.js'

/** Maximum time to wait for transactions that use the tables. */
const lockTimeout = '10s'

/**
 * Number of values that are skipped in each sequence, as some were used after the backup: tokens that were issued meanwhile name
 * them.
 */
const skippedValues = 1_000

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

async function deleteRowsOfMigrations(session: pg.Client): Promise<void> {
  for (const [table, condition] of Object.entries(rowsOfMigrations))
    await session.query(`DELETE FROM ${table} WHERE ${condition}`)
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

/** Explains why PostgreSQL refused what the archive contains. @throws OperatorError */
function explainRefusal(error: Error): never {
  const fault = describeFault(error)
  if (error instanceof OperatorError || fault !== undefined) throw error
  throw new InvalidArchive(`was refused by the database: ${reasonOf(error)}`, error)
}
