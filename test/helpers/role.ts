import { randomUUID } from 'node:crypto'
import type { Test } from 'tap'
import { query } from '../database/query.js'
import { anyDatabase, newDatabase } from './database.js'

/** Creates a role, and an empty database that it does not own. */
export async function roleAndDatabase(t: Test): Promise<{ role: string; url: string; owned: string }> {
  const role = `app_${randomUUID().replaceAll('-', '')}`
  await query(await anyDatabase(), `CREATE ROLE ${role} LOGIN PASSWORD 'secret'`)
  t.teardown(async () => query(await anyDatabase(), `DROP ROLE ${role}`))
  const owned = await newDatabase(t)
  const url = new URL(owned)
  url.username = role
  url.password = 'secret'
  return { role, url: url.href, owned }
}
