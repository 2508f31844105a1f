import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { brotliDecompressSync } from 'node:zlib'
import type { Test } from 'tap'
import { checksumOf, historyTable, readMigration } from '../../src/database/migration-history.js'
import { migrationsDirectory } from '../../src/files.js'
import { query } from '../database/query.js'
import { newDatabase, setDefaults } from './database.js'
import { plainDefaults } from './hostile.js'
import { type Service, startProgram } from './service.js'

const records = 'test/releases'

/** The release before this one, as `scripts/record-release.js` has recorded it. */
export const [previousVersion = ''] = readdirSync(records)

/** Returns the migrations of the release before this one, the oldest first. */
export function previousMigrations(): string[] {
  return JSON.parse(readFileSync(join(records, previousVersion, 'migrations.json'), 'utf8')) as string[]
}

/** Creates a database as the release before this one left it. */
export async function previousDatabase(t: Test): Promise<string> {
  const url = await newDatabase(t)
  // Sessions of 0.1.0 have the defaults of the server.
  await setDefaults(url, plainDefaults)
  await query(url, historyTable)
  for (const name of previousMigrations()) {
    const sql = readMigration(name)
    await query(url, sql)
    await query(
      url,
      'INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ($1, $2, $3, now())',
      [randomUUID(), checksumOf(sql), name],
    )
  }
  return url
}

/** Starts the service of the release before this one. It ends with the test. */
export async function startPreviousRelease(t: Test, env: Record<string, string>): Promise<Service> {
  const folder = join(t.testdir(), previousVersion)
  const file = join(folder, 'src/server.js')
  mkdirSync(join(folder, 'src/docs'), { recursive: true })
  symlinkSync(resolve('src/docs/assets'), join(folder, 'src/docs/assets'))
  writeFileSync(file, brotliDecompressSync(readFileSync(join(records, previousVersion, 'server.js.br'))))
  for (const name of previousMigrations()) {
    mkdirSync(join(folder, 'prisma/migrations', name), { recursive: true })
    copyFileSync(
      join(migrationsDirectory, name, 'migration.sql'),
      join(folder, 'prisma/migrations', name, 'migration.sql'),
    )
  }
  const program = startProgram(t, file, { PORT: '0', ...env })
  await program.prints('Server listening at')
  const port = Number(/Server listening at http:\/\/127\.0\.0\.1:(\d+)/.exec(program.stdout)?.[1])
  return { host: '127.0.0.1', port, origin: `http://127.0.0.1:${port}`, program }
}
