import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { gunzipSync, gzipSync } from 'node:zlib'
import type { Test } from 'tap'
import type { ArchiveHeader } from '../../src/backup/archive.js'
import { writeArchive } from '../../src/backup/archive-writer.js'
import { query } from '../database/query.js'
import { runCommand } from './command.js'
import { cloneDatabase } from './database.js'

/** An archive, taken apart. */
export interface OpenArchive {
  header: ArchiveHeader
  /** Rows of each table, in the text format of COPY. */
  rows: Record<string, string>
}

/** Returns the path of a file that does not exist yet, and is removed after the test. */
export function newFile(t: Test): string {
  mkdirSync(t.testdirName, { recursive: true })
  t.teardown(() => rmSync(t.testdirName, { recursive: true, force: true }))
  return join(t.testdirName, randomUUID())
}

/** Creates an archive of a database, and returns its path. */
export async function backUp(t: Test, url: string): Promise<string> {
  const file = newFile(t)
  const { status, stderr } = await runCommand(url, ['backup', file])
  if (status !== 0) throw new Error(stderr)
  return file
}

/** Creates a database that has nothing but what the migrations put into it. */
export async function migratedDatabase(t: Test): Promise<string> {
  const url = await cloneDatabase(t)
  const tables = await query<{ name: string }>(
    url,
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT IN ('clients', '_prisma_migrations')",
  )
  const names = tables.map(({ name }) => name).join(', ')
  await query(url, `SET session_replication_role = replica; TRUNCATE ${names}`)
  return url
}

/** Takes an archive apart. */
export function takeApart(file: string): OpenArchive {
  const [first = '', ...lines] = gunzipSync(readFileSync(file))
    .toString()
    .split(/(?<=\n)/)
  const header = JSON.parse(first) as ArchiveHeader
  const rows: Record<string, string> = {}
  for (const { name } of header.tables) {
    rows[name] = lines.splice(0, lines.indexOf('\\.\n')).join('')
    lines.splice(0, 2)
  }
  return { header, rows }
}

/** Puts an archive together, with checksums that fit, and returns its path. */
export async function putTogether(t: Test, { header, rows }: OpenArchive): Promise<string> {
  async function* readTable({ name }: { name: string }) {
    yield Buffer.from(rows[name] ?? '')
  }
  const file = newFile(t)
  const content = await text(writeArchive(header, readTable, () => {}))
  writeFileSync(file, gzipSync(content))
  return file
}

/** Returns the rows of every table, as text, without what a restore changes on purpose. */
export async function contentOf(url: string): Promise<Record<string, object[]>> {
  const tables = await query<{ name: string }>(
    url,
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
  )
  const content: Record<string, object[]> = {}
  for (const { name } of tables)
    content[name] = await query(
      url,
      `SELECT to_jsonb(stored) - '{xid,closes_at,started_at,finished_at,id}'::text[] AS row FROM ${name} AS stored
       WHERE to_jsonb(stored) ->> 'action' IS DISTINCT FROM 'backup_restored' ORDER BY 1`,
    )
  return content
}
