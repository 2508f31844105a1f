import type pg from 'pg'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import type { ItemPage } from '../../src/items/item-pages.js'
import { createPageLoader } from '../../src/items/page-loader.js'
import { query } from '../database/query.js'
import { cloneDatabase } from '../helpers/database.js'

const newItem = `
  INSERT INTO items (id, owner_id, item_id) SELECT gen_random_uuid(), id, $2 FROM users WHERE username = $1`

/** Reads pages of a fresh database. @param hold delays each result of a query */
async function open(t: Test, hold: () => Promise<void> = async () => {}) {
  const url = await cloneDatabase(t)
  const { readPool, $disconnect: close } = openDatabase(
    { databasePoolSize: 2, databaseTimeoutSeconds: 10 },
    url,
  )
  t.teardown(close)
  const statements: string[] = []
  const counting = {
    async query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig) {
      statements.push(statement.text)
      const result = await readPool.query<Row>(statement)
      await hold()
      return result
    },
  }
  const loadPage = createPageLoader({ readPool: counting, nameStatement: () => undefined })
  const owners = await query<{ id: string; username: string }>(url, 'SELECT id, username FROM users')
  async function read(username: string, limit: number, page: Partial<ItemPage> = {}): Promise<string[]> {
    const { id = '' } = owners.find((owner) => owner.username === username) ?? {}
    const { items, next } = await loadPage({ id, username }, { limit, sort: 'created_at', ...page })
    return [...items.map(({ itemId }) => itemId), ...(next ? ['…'] : [])]
  }
  return { url, statements, read }
}

t.test('first pages requested in the same turn are read by one statement, each for its owner', async (t) => {
  const { url, statements, read } = await open(t)
  await query(url, newItem, ['johndoe', 'Bar'])
  await query(url, newItem, ['alice', 'Baz'])
  const pages = await Promise.all([
    read('johndoe', 1),
    read('johndoe', 100),
    read('alice', 100),
    read('johndoe', 1),
    read('alice', 1),
  ])
  t.strictSame(pages, [['Foo', '…'], ['Foo', 'Bar'], ['Baz'], ['Foo', '…'], ['Baz']])
  t.equal(statements.length, 1)
})

t.test('other pages are read one by one, and equal ones once', async (t) => {
  const { url, statements, read } = await open(t)
  await query(url, newItem, ['johndoe', 'Bar'])
  const pages = await Promise.all([
    read('johndoe', 1, { sort: '-created_at' }),
    read('johndoe', 100, { sort: 'item_id' }),
    read('alice', 100, { sort: 'item_id' }),
    read('johndoe', 1, { sort: '-created_at' }),
    read('johndoe', 100, { createdAfter: new Date(2100, 0) }),
    read('johndoe', 100, { createdAfter: new Date(2000, 0) }),
  ])
  t.strictSame(pages, [['Bar', '…'], ['Bar', 'Foo'], [], ['Bar', '…'], [], ['Foo', 'Bar']])
  t.equal(statements.length, 5)
})

for (const [what, page] of [
  ['a first page', {}],
  ['another page', { sort: 'item_id' }],
] as [string, Partial<ItemPage>][])
  t.test(
    `a request for ${what} during a read of it gets rows that were read after the request`,
    async (t) => {
      const answered = createSignal()
      const released = createSignal()
      const { url, read } = await open(t, async function holdAnswers() {
        answered.give()
        await released.given
      })
      const early = read('johndoe', 100, page)
      await answered.given
      await query(url, newItem, ['johndoe', 'Goo'])
      const late = read('johndoe', 100, page)
      released.give()
      t.strictSame(await Promise.all([early, late]), [['Foo'], ['Foo', 'Goo']])
    },
  )

function createSignal() {
  let give = () => {}
  const given = new Promise<void>((resolve) => {
    give = resolve
  })
  return { give, given }
}
