import pg from 'pg'
import type { AppliedMigration } from '../database/migration-history.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { type ArchiveHeader, type ArchiveTable, InvalidArchive } from './archive.js'

// What a restore requires: an archive of the same migrations and tables as the database, which has no content yet.

/** Conditions of the rows that migrations add to a new database, by their tables. */
export const rowsOfMigrations: Record<string, string> = {
  clients: "client_id = 'first-party' AND generation = 0",
}

/** @throws OperatorError unless the archive was made of a database with the same migrations */
export function requireSameMigrations(
  { migrations, latchkey }: ArchiveHeader,
  applied: AppliedMigration[],
): void {
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
export function requireSameTables(archived: ArchiveTable[], tables: ArchiveTable[]): void {
  const describe = ({ name, columns }: ArchiveTable) => JSON.stringify([name, [...columns].sort()])
  const expected = tables.map(describe).sort()
  const found = archived.map(describe).sort()
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new InvalidArchive('has other tables than the database, though it has the same migrations')
}

/** @throws OperatorError if the database has rows that no migration has added */
export async function requireEmpty(tables: ArchiveTable[], session: pg.Client): Promise<void> {
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
