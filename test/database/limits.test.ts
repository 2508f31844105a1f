import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { limitsOf } from '../../src/database/limits.js'
import { startApp } from '../helpers/app.js'
import { anyDatabase, cloneDatabase } from '../helpers/database.js'

for (const seconds of [2, 10, 60, 3600])
  t.test(
    `with a statement timeout of ${seconds} s each layer waits longer than those below it`,
    async (t) => {
      for (const layers of Object.values(await readLayers(t, seconds)))
        t.strictSame(
          layers,
          [...layers].sort((one, other) => one - other),
        )
    },
  )

/** Returns the effective limits in milliseconds, the innermost first. */
async function readLayers(t: Test, seconds: number): Promise<Record<string, number[]>> {
  const app = await startApp(t, { DATABASE_TIMEOUT_SECONDS: String(seconds) })
  const { pool } = app.database as unknown as {
    pool: { options: { connectionTimeoutMillis: number; query_timeout: number } }
  }
  const shown = (name: string) =>
    app.database.$queryRaw<{ ms: number }[]>`SELECT setting::int AS ms FROM pg_settings WHERE name = ${name}`
  const [lock, statement, idle, transaction] = await Promise.all(
    ['lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout'].map(
      async (name) => (await shown(name))[0]?.ms ?? Number.NaN,
    ),
  )
  const { clientTransactionMs, requestMs } = limitsOf(seconds)
  const { timeout: socket, requestTimeout: receive } = app.server
  t.equal(statement, seconds * 1_000)
  const { query_timeout: answer, connectionTimeoutMillis: connection } = pool.options
  return {
    statement: [lock, statement, answer, requestMs, socket].map(Number),
    transaction: [idle, transaction, clientTransactionMs, requestMs - connection - Number(statement)].map(
      Number,
    ),
    connection: [connection, answer, requestMs].map(Number),
    reception: [receive, requestMs, socket].map(Number),
  }
}

t.test('a transaction may take as long as the setting allows', async (t) => {
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 4 }, await anyDatabase())
  t.teardown(() => database.$disconnect())
  const pause = 'SELECT pg_sleep(1.8)::text'
  await database.$transaction(async (transaction) => {
    for (let time = 0; time < 3; time++) await transaction.$queryRawUnsafe(pause)
  })
})

t.test('a transaction that takes longer is rolled back', async (t) => {
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 2 }, await cloneDatabase(t))
  t.teardown(() => database.$disconnect())
  await t.rejects(
    database.$transaction(async (transaction) => {
      await transaction.item.deleteMany()
      for (;;) await transaction.$queryRawUnsafe('SELECT pg_sleep(0.5)::text')
    }),
  )
  t.equal(await database.item.count(), 1)
})
