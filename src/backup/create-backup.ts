import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import pg from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import { listApplied } from '../database/migration-history.js'
import { lockMigrations } from '../database/migration-lock.js'
import { withOperatorSession } from '../database/operator-session.js'
import { requireOwnSession } from '../database/pooler.js'
import { version } from '../manifest.js'
import {
  type ArchiveHeader,
  type ArchiveSummary,
  type ArchiveTable,
  formatName,
  formatVersion,
} from './archive.js'
import { writeArchive } from './archive-writer.js'
import { listSequences, listTables } from './tables.js'

/** Maximum length of what is written at once (bytes). */
const chunkSize = 262_144

/** Begins a transaction that sees the database as it is now, whatever is changed meanwhile. */
const beginSnapshot = 'BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY'

/**
 * Writes an archive of the database. It locks no row, but waits for a running migration, and prevents others from starting.
 *
 * @param write writes the next bytes of the archive
 * @throws OperatorError if the database cannot be reached, or a pooler is in between
 */
export async function createBackup(
  url: string,
  write: (bytes: Uint8Array) => Promise<unknown>,
): Promise<ArchiveSummary> {
  return withOperatorSession(url, async function archive(session) {
    await requireOwnSession(session)
    await lockMigrations(session, 'shared')
    await session.query(beginSnapshot)
    const header = await describe(session)
    let total = 0
    const archived = writeArchive(
      header,
      (table) => readTable(table, session),
      (rows) => {
        total = rows
      },
    )
    await pipeline(archived, createGzip({ chunkSize }), async function writeAll(compressed) {
      for await (const bytes of compressed) await write(bytes)
    })
    return { header, rows: total }
  })
}

async function describe(session: pg.Client): Promise<ArchiveHeader> {
  const { rows } = await session.query<{ now: Date }>('SELECT now()')
  return {
    format: formatName,
    version: formatVersion,
    latchkey: version,
    created_at: (rows[0] as { now: Date }).now.toISOString(),
    migrations: await listApplied(session),
    tables: await listTables(session),
    sequences: await listSequences(session),
  }
}

/** Reads a table through a query, as COPY reads no partitioned table by its name. */
function readTable({ name, columns }: ArchiveTable, session: pg.Client): AsyncIterable<Uint8Array> {
  const list = columns.map(pg.escapeIdentifier).join(', ')
  return session.query(copyTo(`COPY (SELECT ${list} FROM ${pg.escapeIdentifier(name)}) TO STDOUT`))
}
