import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { removeDepartedItems } from '../../src/items/departed-owners.js'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction } from '../helpers/replicas.js'
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

t.test('a removal that was interrupted is completed by the next', async (t) => {
  const { url, database } = await open(t)
  await query(url, removal)
  await removeDepartedItems(database, AbortSignal.abort(), 10)
  t.equal(await database.item.count(), 26)
  t.equal(await database.departedOwner.count(), 1)
  const other = await beginTransaction(t, url, "SELECT FROM items WHERE item_id = 'i7' FOR UPDATE")
  await removeDepartedItems(database, undefined, 10)
  t.equal(await database.item.count(), 2, 'an item that another process removes is left to it')
  t.equal(await database.departedOwner.count(), 1)
  await other.query('ROLLBACK')
  await removeDepartedItems(database, undefined, 10)
  t.equal(await database.item.count(), 1)
  t.equal(await database.departedOwner.count(), 0)
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

t.test('a truncation of the users removes all items', async (t) => {
  const { url, database } = await open(t)
  await query(url, 'TRUNCATE users CASCADE')
  t.equal(await database.item.count(), 0)
})
