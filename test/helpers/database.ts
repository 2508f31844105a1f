import type { Test } from 'tap'
import { createDatabase, dropDatabase } from './server.js'

/** The database that `npm test` migrates and seeds once, for each test file to clone. */
export function templateUrl(): string {
  const url = process.env.TEST_TEMPLATE_URL
  if (!url) throw new Error('run the tests with: npm test -- FILE')
  return url
}

/** A copy of the migrated and seeded database, for this test alone. */
export function cloneDatabase(t: Test): Promise<string> {
  return newDatabase(t, new URL(templateUrl()).pathname.slice(1))
}

/** An empty database, for this test alone. */
export async function newDatabase(t: Test, template?: string): Promise<string> {
  const maintenance = new URL(templateUrl())
  maintenance.pathname = '/postgres'
  const url = await createDatabase(maintenance.href, template)
  t.teardown(() => dropDatabase(url))
  return url
}
