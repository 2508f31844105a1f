import t, { type Test } from 'tap'
import { type Database, openDatabase } from '../../src/database/client.js'
import { isDatabaseUnavailable } from '../../src/database/errors.js'
import { anyDatabase } from '../helpers/database.js'
import { query } from './query.js'

const limits = {
  statement_timeout: '10s',
  lock_timeout: '5s',
  idle_in_transaction_session_timeout: '10s',
}

for (const [name, value] of Object.entries(limits))
  t.test(`a session has a ${name} of ${value}`, async (t) => {
    const database = await open(t, 1)
    const [row] = await database.$queryRawUnsafe<Record<string, string>[]>(`SHOW ${name}`)
    t.equal(row?.[name], value)
  })

t.test('queries beyond the pool wait for a connection instead of opening one', async (t) => {
  const database = await open(t, 2)
  const pids = await Promise.all(
    Array.from({ length: 20 }, () => database.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`),
  )
  t.equal(new Set(pids.flat().map(({ pid }) => pid)).size <= 2, true)
})

t.test('a session that the server ends makes at most one query fail', async (t) => {
  const database = await open(t, 1)
  const [session] = await database.$queryRaw<{ pid: number }[]>`SELECT pg_backend_pid() AS pid`
  await query(await anyDatabase(), 'SELECT pg_terminate_backend($1, 5000)', [session?.pid])
  await database.$queryRaw`SELECT 1`.catch((error) => t.equal(isDatabaseUnavailable(error), true))
  t.strictSame(await database.$queryRaw`SELECT 1 AS one`, [{ one: 1 }])
})

async function open(t: Test, databasePoolSize: number): Promise<Database> {
  const database = openDatabase({ databasePoolSize, databaseTimeoutSeconds: 10 }, await anyDatabase())
  t.teardown(() => database.$disconnect())
  return database
}
