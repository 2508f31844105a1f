import t from 'tap'
import { cloneDatabase } from '../helpers/database.js'
import { query } from './query.js'

const url = await cloneDatabase(t)
const hash = `$2b$12$${'a'.repeat(53)}`

const addUser = `INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), $1, $2)`
const addItem = `
  INSERT INTO items (id, owner_id, item_id)
  SELECT gen_random_uuid(), id, $2 FROM users WHERE username = $1`
const addKey = `
  INSERT INTO signing_keys (id, algorithm, secret) VALUES (gen_random_uuid(), 'HS256', decode($1, 'hex'))`

const refusals: [what: string, sql: string, values: string[], constraint: string][] = [
  ['a name that is taken', addUser, ['johndoe', hash], 'users_username_key'],
  ['an empty name', addUser, ['', hash], 'users_username_check'],
  ['an empty hash', addUser, ['new', ''], 'users_hashed_password_check'],
  ['a password in the clear', addUser, ['new', 'secret'], 'users_hashed_password_check'],
  ['a hash of an unknown scheme', addUser, ['new', hash.replace('2b', '2x')], 'users_hashed_password_check'],
  ['a hash that is cut off', addUser, ['new', hash.slice(0, -1)], 'users_hashed_password_check'],
  ['a hash and a line feed', addUser, ['new', `${hash.slice(0, -1)}\n`], 'users_hashed_password_check'],
  ['an item that its owner has', addItem, ['johndoe', 'Foo'], 'items_owner_id_item_id_key'],
  ['an item without a name', addItem, ['johndoe', ''], 'items_item_id_check'],
  ['a key of 31 bytes', addKey, ['00'.repeat(31)], 'signing_keys_secret_check'],
]

for (const [what, sql, values, constraint] of refusals)
  t.test(`${what} is refused by the database`, async (t) => {
    t.equal(await violated(sql, values), constraint)
  })

t.test('what is well formed is accepted', async (t) => {
  await t.resolves(query(url, addUser, ['2a', hash.replace('2b', '2a')]))
  await t.resolves(query(url, addUser, ['2y', hash.replace('2b', '2y')]))
  await t.resolves(query(url, addItem, ['alice', 'Foo']), "another owner's item may have the same name")
  await t.resolves(query(url, addKey, ['00'.repeat(32)]))
})

t.test('an item of nobody is refused by the database', async (t) => {
  const add = 'INSERT INTO items (id, owner_id, item_id) VALUES ($1, $1, $2)'
  t.equal(await violated(add, ['00000000-0000-7000-8000-000000000000', 'Bar']), 'items_owner_id_fkey')
})

t.test("a user's items go with the user, and nobody else's", async (t) => {
  await query(url, addUser, ['leaver', hash])
  await query(url, addItem, ['leaver', 'Foo'])
  const count = 'SELECT count(*)::int FROM items'
  const [before] = await query<{ count: number }>(url, count)
  await query(url, "DELETE FROM users WHERE username = 'leaver'")
  t.strictSame(await query(url, count), [{ count: Number(before?.count) - 1 }])
  const johns = "SELECT item_id FROM items JOIN users ON users.id = owner_id WHERE username = 'johndoe'"
  t.strictSame(await query(url, johns), [{ item_id: 'Foo' }])
})

/** The constraint that a statement violates. */
function violated(sql: string, values: string[]): Promise<string | undefined> {
  return query(url, sql, values).then(
    () => undefined,
    (error: { constraint?: string }) => error.constraint,
  )
}
