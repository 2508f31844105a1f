import pg from 'pg'
import type { Test } from 'tap'
import { query } from '../database/query.js'
import { plainDefaults } from './hostile.js'
import { layoutOf } from './items-layout.js'
import { createDatabase, dropDatabase } from './server.js'
import { templateUrl } from './template-url.js'

/** Creates a copy of the migrated and seeded database for this test. The template must have no connections. */
export async function cloneDatabase(t: Test): Promise<string> {
  const url = await newDatabase(t, new URL(await templateUrl()).pathname.slice(1))
  const others = (await layoutOf().prepareCopy?.(url)) ?? []
  t.teardown(() => Promise.all(others.map(dropDatabase)))
  return url
}

/** Returns the URL of a database that always exists, for tests that need any database. */
export async function anyDatabase(): Promise<string> {
  const url = new URL(await templateUrl())
  url.pathname = '/postgres'
  return url.href
}

/** Creates an empty database for this test. */
export async function newDatabase(t: Test, template?: string): Promise<string> {
  const url = await createDatabase(await anyDatabase(), template)
  t.teardown(() => dropDatabase(url))
  return url
}

/** Creates the same copy, with the defaults that the service requires behind a pooler, where it cannot set them. */
export async function clonePlainDatabase(t: Test): Promise<string> {
  const url = await cloneDatabase(t)
  await setDefaults(url, plainDefaults)
  return url
}

/** Changes the default settings of a database. */
export async function setDefaults(url: string, defaults: Record<string, string>): Promise<void> {
  const name = new URL(url).pathname.slice(1)
  for (const [setting, value] of Object.entries(defaults))
    await query(url, `ALTER DATABASE ${name} SET ${setting} = ${pg.escapeLiteral(value)}`)
}
