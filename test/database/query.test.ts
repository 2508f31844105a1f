import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import t from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { isDatabaseUnavailable, isOutcomeUnknown } from '../../src/database/errors.js'
import { nameStatements, queryRows } from '../../src/database/query.js'
import { retryStalePlans } from '../../src/database/stale-plan.js'
import { cloneDatabase } from '../helpers/database.js'
import { startProxy } from '../helpers/proxy.js'
import { cheapHash } from '../helpers/replicas.js'
import { query } from './query.js'

t.test('each statement has a name of its own', async (t) => {
  const name = nameStatements()
  t.equal(name('SELECT 1'), name('SELECT 1'))
  t.not(name('SELECT 1'), name('SELECT 2'))
  t.ok(name('SELECT 3'.padEnd(200)).length < 64, 'PostgreSQL truncates longer names')
})

t.test('a statement keeps working on all connections when a migration changes a type', async (t) => {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 5, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  const read = () => queryRows("SELECT full_name FROM users WHERE username = 'johndoe'", [], database)
  const write = () => database.user.create({ data: { username: randomUUID(), hashedPassword: cheapHash } })
  const onAll = (action: () => Promise<unknown>) => Promise.all(Array.from({ length: 5 }, action))
  // PostgreSQL caches a generic plan from the sixth execution on.
  for (let time = 0; time < 7; time++) await onAll(() => Promise.all([read(), write()]))
  for (const type of ['text', 'varchar(300)', 'text']) {
    await query(
      url,
      `ALTER TABLE users ALTER COLUMN full_name TYPE ${type}, ALTER COLUMN username_key TYPE ${type}`,
    )
    t.strictSame(await read(), [{ full_name: 'John Doe' }])
    await onAll(read)
    t.match(await write(), { hashedPassword: cheapHash })
    await onAll(write)
  }
  await t.rejects(queryRows('SELECT nothing', [], database), { code: '42703' })
})

t.test('a transaction with a stale plan is unavailable, and the next one is not', async (t) => {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  const write = () =>
    database.$transaction((transaction) =>
      transaction.user.create({ data: { username: randomUUID(), hashedPassword: cheapHash } }),
    )
  for (let time = 0; time < 7; time++) await write()
  await query(url, 'ALTER TABLE users ALTER COLUMN username_key TYPE text')
  const failure = await write().catch((error: unknown) => error)
  t.equal(isDatabaseUnavailable(failure), true)
  t.equal(isOutcomeUnknown(failure), false)
  t.match(await write(), { hashedPassword: cheapHash })
})

t.test('a transaction that hangs is not continued by the next request', async (t) => {
  const url = await cloneDatabase(t)
  const proxy = await startProxy(t, url)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 2 }, proxy.url)
  t.teardown(() => database.$disconnect())
  const rename = (fullName: string) =>
    database.user.updateMany({ where: { username: 'johndoe' }, data: { fullName } })
  const failure = await database
    .$transaction(async (transaction) => {
      await transaction.user.updateMany({ where: { username: 'johndoe' }, data: { fullName: 'Hanging' } })
      proxy.stall()
      await transaction.$queryRaw`SELECT 1`
    })
    .catch((error: unknown) => error)
  t.equal(isOutcomeUnknown(failure), true)
  proxy.open()
  await database.$transaction((transaction) => transaction.item.count())
  t.match(await query(url, "SELECT full_name FROM users WHERE username = 'johndoe'"), [
    { full_name: 'John Doe' },
  ])
  await rename('Free')
  t.match(await query(url, "SELECT full_name FROM users WHERE username = 'johndoe'"), [{ full_name: 'Free' }])
})

t.test('a statement that every connection rejects fails after a bounded number of attempts', async (t) => {
  const stale = Object.assign(new Error(), { code: '0A000', routine: 'RevalidateCachedQuery' })
  const sent: unknown[] = []
  const pool = {
    options: { max: 2 },
    async query(statement: object) {
      sent.push(statement)
      throw stale
    },
  }
  retryStalePlans(pool as unknown as pg.Pool)
  await t.rejects(pool.query({ name: 'one', text: 'SELECT 1' }), stale)
  t.strictSame(sent, [{ name: 'one', text: 'SELECT 1' }, { text: 'SELECT 1' }, { text: 'SELECT 1' }])
})
