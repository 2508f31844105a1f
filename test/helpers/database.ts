import pg from 'pg'
import type { Test } from 'tap'
import { query } from '../database/query.js'
import { plainDefaults } from './hostile.js'
import { createDatabase, dropDatabase } from './server.js'

/** The database that `npm test` migrates and seeds once, for each test file to clone: nobody else may be connected to it. */
function templateUrl(): string {
  const url = process.env.TEST_TEMPLATE_URL
  if (!url) throw new Error('run the tests with: npm test -- FILE')
  return url
}

/** A copy of the migrated and seeded database, for this test alone. */
export function cloneDatabase(t: Test): Promise<string> {
  return newDatabase(t, new URL(templateUrl()).pathname.slice(1))
}

/** A database of the server that is always there, for what needs any. */
export function anyDatabase(): string {
  const url = new URL(templateUrl())
  url.pathname = '/postgres'
  return url.href
}

/** An empty database, for this test alone. */
export async function newDatabase(t: Test, template?: string): Promise<string> {
  const url = await createDatabase(anyDatabase(), template)
  t.teardown(() => dropDatabase(url))
  return url
}

/** The same copy with the defaults that our statements need, as behind a pooler they are not ours to set. */
export async function clonePlainDatabase(t: Test): Promise<string> {
  const url = await cloneDatabase(t)
  await setDefaults(url, plainDefaults)
  return url
}

/** Gives a database other defaults. */
export async function setDefaults(url: string, defaults: Record<string, string>): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  for (const [setting, value] of Object.entries(defaults))
    await query(url, `ALTER DATABASE ${name} SET ${setting} = ${pg.escapeLiteral(value)}`)
}
