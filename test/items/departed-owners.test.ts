import type pg from 'pg'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { NodeFailure } from '../../src/database/node-failure.js'
import { removeDepartedItems } from '../../src/items/departed-owners.js'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction, untilWaiting } from '../helpers/replicas.js'
import { until } from '../helpers/wait.js'

/** Opens a database in which johndoe has 25 items and alice has one. */
async function open(t: Test) {
  const url = await cloneDatabase(t)
  await query(url, 'DELETE FROM items')
  await query(
    url,
    `INSERT INTO items (id, owner_id, item_id) SELECT gen_random_uuid(), id, 'i' || n
     FROM users, generate_series(1, 25) AS n WHERE username = 'johndoe' OR n = 1`,
  )
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  return { url, database }
}

const removal = "DELETE FROM users WHERE username = 'johndoe'"

t.test('the items of a deleted user are removed in batches, and nobody else’s', async (t) => {
  const { url, database } = await open(t)
  await query(url, removal)
  t.equal(await database.departedOwner.count(), 1)
  await removeDepartedItems(database, undefined, 10)
  t.equal(await database.item.count(), 1)
  t.equal(await database.departedOwner.count(), 0)
})

/** Locks an item of the first batch. */
const lockFirstItem = `
  SELECT FROM items WHERE owner_id = (SELECT owner_id FROM departed_owners) ORDER BY created_at, id LIMIT 1 FOR UPDATE`

/** On a cluster only the worker knows who waits for its rows. */
const skip = process.env.TEST_ITEMS_LAYOUT === 'citus' && 'the wait for a lock is not seen on the coordinator'

t.test('a removal that was interrupted is completed by the next', { skip }, async (t) => {
  const { url, database } = await open(t)
  await query(url, removal)
  await removeDepartedItems(database, AbortSignal.abort(), 10)
  t.equal(await database.item.count(), 26)
  t.equal(await database.departedOwner.count(), 1)
  const ending = new AbortController()
  const other = await beginTransaction(t, url, lockFirstItem)
  const running = removeDepartedItems(database, ending.signal, 10)
  await untilWaiting(url)
  ending.abort()
  await other.query('ROLLBACK')
  await running
  t.equal(await database.item.count(), 16, 'one batch was removed')
  t.equal(await database.departedOwner.count(), 1)
  await removeDepartedItems(database, undefined, 10)
  t.equal(await database.item.count(), 1)
  t.equal(await database.departedOwner.count(), 0)
})

t.test('a process leaves an owner to another one that removes the items', async (t) => {
  const { url, database } = await open(t)
  await query(url, removal)
  const other = await beginTransaction(t, url, 'SELECT FROM departed_owners FOR UPDATE')
  await removeDepartedItems(database, undefined, 10)
  t.equal(await database.item.count(), 26)
  await other.query('ROLLBACK')
  await removeDepartedItems(database, undefined, 10)
  t.equal(await database.item.count(), 1)
})

t.test(
  'a user with many items is deleted at once, and a process that starts removes the items',
  async (t) => {
    const { url, database } = await open(t)
    const app = await startApp(t, {}, url)
    const token = await logIn(app, 'johndoe', 'secret')
    t.equal((await as(app, token).delete('/users/me/', { password: 'secret' })).statusCode, 204)
    t.equal((await as(app, token).get('/users/me/items/')).statusCode, 401)
    const other = await startApp(t, {}, url)
    await other.ready()
    await until(async () => (await database.departedOwner.count()) === 0)
    t.equal(await database.item.count(), 1)
  },
)

t.test('the command line removes the items of a user that it deletes', async (t) => {
  const { url, database } = await open(t)
  t.match(await runCommand(url, ['users', 'delete', 'johndoe', '--yes']), { status: 0 })
  t.equal(await database.item.count(), 1)
})

/** Opens a database without users, where the transaction for the first of two owners fails. */
async function openFailing(t: Test, error: Error) {
  const { url, database } = await open(t)
  await query(url, 'DELETE FROM users')
  let isFirst = true
  const transact = database.$transaction.bind(database)
  t.intercept(database, '$transaction', {
    value(change: Parameters<typeof transact>[0]) {
      if (!isFirst) return transact(change)
      isFirst = false
      return Promise.reject(error)
    },
  })
  return database
}

const answerTimeout = new Error('Query read timeout')

for (const [what, error, left] of [
  ['a server of the cluster that has failed is passed over', new NodeFailure('08006', new Error('down')), 1],
  ['so is one that takes too long', Object.assign(new Error('canceled'), { code: '57014' }), 1],
  ['so is one that does not answer', answerTimeout, 1],
  ['any other failure ends the removal', new Error('a fault'), 2],
] as const)
  t.test(what, async (t) => {
    const database = await openFailing(t, error)
    await t.rejects(removeDepartedItems(database), error)
    t.equal(await database.departedOwner.count(), left)
  })

t.test('a database that does not answer itself ends the removal', async (t) => {
  const database = await openFailing(t, answerTimeout)
  const outage = new Error('timeout exceeded when trying to connect')
  const send = database.pool.query.bind(database.pool)
  t.intercept(database.pool, 'query', {
    value: (statement: pg.QueryConfig) =>
      statement.text === 'SELECT' ? Promise.reject(outage) : send(statement),
  })
  await t.rejects(removeDepartedItems(database), outage)
  t.equal(await database.departedOwner.count(), 2)
})

t.test('an item that somebody keeps locked does not keep back the items of other users', async (t) => {
  const { url } = await open(t)
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 4 }, url)
  t.teardown(() => database.$disconnect())
  await query(url, removal)
  const other = await beginTransaction(t, url, lockFirstItem)
  await query(url, 'DELETE FROM users')
  await t.rejects(removeDepartedItems(database))
  t.equal(await database.departedOwner.count(), 1)
  await other.query('ROLLBACK')
  await removeDepartedItems(database)
  t.equal(await database.item.count(), 0)
})

t.test('a truncation of the users removes all items', async (t) => {
  const { url, database } = await open(t)
  await query(url, 'TRUNCATE users CASCADE')
  t.equal(await database.item.count(), 0)
})
