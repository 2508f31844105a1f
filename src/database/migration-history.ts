import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type pg from 'pg'
import { migrationsDirectory } from '../files.js'
import { type QueryTarget, queryRows } from './query.js'

/** Creates the history table as Prisma does. */
export const historyTable = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`

/** Names of migrations, in the order in which they are applied. */
export interface MigrationStatus {
  /** Migrations of this version that a database has. */
  applied: string[]
  /** Migrations of this version that it lacks. */
  pending: string[]
  /** Applied migrations whose file was another one. */
  changed: string[]
  /** Migrations that the database has and this version does not, such as those of a later version. */
  unknown: string[]
}

/** A migration that a database has. */
export interface AppliedMigration {
  name: string
  /** SHA-256 of its file, in hexadecimal digits. */
  checksum: string
}

/** Returns the names of the migrations of this version, the oldest first. */
export function migrationNames(): string[] {
  const entries = readdirSync(migrationsDirectory, { withFileTypes: true })
  return entries.flatMap((entry) => (entry.isDirectory() ? [entry.name] : [])).sort()
}

/** Returns the statements of a migration of this version. */
export function readMigration(name: string): string {
  return readFileSync(join(migrationsDirectory, name, 'migration.sql'), 'utf8')
}

/** Returns the checksum of a migration, as Prisma computes it. */
export function checksumOf(sql: string): string {
  return createHash('sha256').update(sql).digest('hex')
}

/** Returns whether the database has the last migration of this version. */
export async function isMigrated(database: QueryTarget): Promise<boolean> {
  return (await queryRows(appliedMigration, [migrationNames().at(-1)], database)).length > 0
}

const isApplied = 'finished_at IS NOT NULL AND rolled_back_at IS NULL'
const appliedMigration = `SELECT FROM _prisma_migrations WHERE migration_name = $1 AND ${isApplied}`
const appliedMigrations = `
  SELECT DISTINCT ON (migration_name COLLATE "C") migration_name AS name, checksum FROM _prisma_migrations
  WHERE ${isApplied} ORDER BY migration_name COLLATE "C", finished_at DESC`

/** Returns the migrations that a database has, the oldest first. */
export async function listApplied(connection: pg.ClientBase): Promise<AppliedMigration[]> {
  const { rows: history } = await connection.query<{ present: boolean }>(
    "SELECT to_regclass('_prisma_migrations') IS NOT NULL AS present",
  )
  if (!history[0]?.present) return []
  return (await connection.query<AppliedMigration>(appliedMigrations)).rows
}

/** Compares the migrations of a database with those of this version. */
export async function readStatus(connection: pg.ClientBase): Promise<MigrationStatus> {
  const done = new Map((await listApplied(connection)).map(({ name, checksum }) => [name, checksum]))
  const names = migrationNames()
  const applied = names.filter((name) => done.has(name))
  return {
    applied,
    pending: names.filter((name) => !done.has(name)),
    changed: applied.filter((name) => done.get(name) !== checksumOf(readMigration(name))),
    unknown: [...done.keys()].filter((name) => !names.includes(name)),
  }
}
