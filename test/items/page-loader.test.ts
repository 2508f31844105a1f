import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { NodeFailure } from '../../src/database/node-failure.js'
import type { ItemPage } from '../../src/items/item-pages.js'
import { createPageLoader } from '../../src/items/page-loader.js'
import { query } from '../database/query.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction } from '../helpers/replicas.js'
import { partitionItems } from '../helpers/sharding.js'

const newItem = `
  INSERT INTO items (id, owner_id, item_id) SELECT gen_random_uuid(), id, $2 FROM users WHERE username = $1`

/** Reads pages of a fresh database. @param hold delays each result of a query */
async function open(t: Test, hold: (statement: pg.QueryConfig) => Promise<void> = async () => {}) {
  const url = await cloneDatabase(t)
  const { readPool, poolSize, sharding, $disconnect } = openDatabase(
    { databasePoolSize: 2, databaseTimeoutSeconds: 10 },
    url,
  )
  t.teardown($disconnect)
  const statements: pg.QueryConfig[] = []
  const counting = {
    async query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig) {
      statements.push(statement)
      const result = await readPool.query<Row>(statement)
      await hold(statement)
      return result
    },
  }
  const loadPage = createPageLoader({
    readPool: counting,
    nameStatement: () => undefined,
    poolSize,
    sharding,
  })
  const owners = await query<{ id: string; username: string }>(url, 'SELECT id, username FROM users')
  async function read(username: string, limit: number, page: Partial<ItemPage> = {}): Promise<string[]> {
    const { id = randomUUID() } = owners.find((owner) => owner.username === username) ?? {}
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

t.test('where items are divided by owner, first pages are read by one statement per owner', async (t) => {
  const { url, statements, read } = await open(t)
  await partitionItems(url)
  await query(url, newItem, ['johndoe', 'Bar'])
  await query(url, newItem, ['alice', 'Baz'])
  const pages = await Promise.all([
    read('johndoe', 1),
    read('johndoe', 100),
    read('alice', 100),
    read('johndoe', 2),
    read('alice', 1),
  ])
  t.strictSame(pages, [['Foo', '…'], ['Foo', 'Bar'], ['Baz'], ['Foo', 'Bar'], ['Baz']])
  t.equal(statements.length, 2)
})

for (const [what, failure] of [
  ['has failed', new NodeFailure('08006', new Error('connection refused'))],
  ['took too long', Object.assign(new Error('canceling statement'), { code: '57014' })],
  ['did not answer', new Error('Query read timeout')],
] as const)
  t.test(`a server that ${what} costs only the owners whose items it has`, async (t) => {
    let failing: string | undefined
    const { url, statements, read } = await open(t, async ({ values }) => {
      if (values?.[0] === failing) throw failure
    })
    await partitionItems(url)
    const [alice] = await query<{ id: string }>(url, "SELECT id FROM users WHERE username = 'alice'")
    failing = alice?.id
    const pages = await Promise.allSettled([read('alice', 1), read('johndoe', 1), read('alice', 2)])
    t.match(pages, [
      { status: 'rejected', reason: failure },
      { status: 'fulfilled', value: ['Foo'] },
      { status: 'rejected', reason: failure },
    ])
    t.equal(statements.length, 2)
  })

t.test('no page waits for the statement of another owner', async (t) => {
  const released = createSignal()
  let held: string | undefined
  const { url, read } = await open(t, async function holdAnswer({ values }) {
    if (values?.[0] === held) await released.given
  })
  await partitionItems(url)
  const [john] = await query<{ id: string }>(url, "SELECT id FROM users WHERE username = 'johndoe'")
  held = john?.id
  const waiting = read('johndoe', 1)
  const others = ['alice', 'nobody', 'somebody'].map((username) => read(username, 1))
  t.strictSame(await Promise.all(others), [[], [], []])
  released.give()
  t.strictSame(await waiting, ['Foo'])
})

t.test('no more of these statements are executed at once than there are connections', async (t) => {
  const answered = [createSignal(), createSignal()]
  const released = createSignal()
  let answers = 0
  const { url, statements, read } = await open(t, async function holdAnswers() {
    answered[answers++]?.give()
    await released.given
  })
  await partitionItems(url)
  const pages = Promise.all(['johndoe', 'alice', 'nobody'].map((username) => read(username, 1)))
  await Promise.all(answered.map(({ given }) => given))
  t.equal(statements.length, 2)
  released.give()
  t.strictSame(await pages, [['Foo'], [], []])
  t.equal(statements.length, 3)
})

const unsupported = Object.assign(new Error('not supported'), { code: '0A000' })

t.test(
  'a statement that is not supported is repeated in the other form if items have been divided',
  async (t) => {
    const { url, statements, read } = await open(t, async function refuseJoins({ text }) {
      if (text.includes('LATERAL') && statements.length > 1) throw unsupported
    })
    t.strictSame(await read('johndoe', 1), ['Foo'])
    await t.rejects(read('johndoe', 1), unsupported, 'they have not')
    t.equal(statements.length, 2)
    await partitionItems(url)
    t.strictSame(await Promise.all([read('johndoe', 1), read('alice', 1)]), [['Foo'], []])
    t.equal(statements.length, 5)
    t.strictSame(await read('johndoe', 1), ['Foo'])
    t.equal(statements.length, 6, 'which is remembered')
  },
)

const unite = `
  CREATE TABLE united_items (LIKE items INCLUDING ALL);
  INSERT INTO united_items SELECT * FROM items;
  DROP TABLE items;
  ALTER TABLE united_items RENAME TO items`

t.test('and the other way round if they have been united', async (t) => {
  const { url, statements, read } = await open(t, async function refuseSingles({ text }) {
    if (!text.includes('LATERAL')) throw unsupported
  })
  await partitionItems(url)
  await t.rejects(read('johndoe', 1), unsupported, 'they have not')
  await query(url, unite)
  const pages = [read('johndoe', 1), read('alice', 1), read('johndoe', 2)]
  t.strictSame(await Promise.all(pages), [['Foo'], [], ['Foo']])
  t.equal(statements.length, 1 + 2 + 2)
  t.strictSame(await read('johndoe', 1), ['Foo'])
  t.equal(statements.length, 6, 'which is remembered')
})

/** A node of a plan, as EXPLAIN shows it. */
interface PlanNode {
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Shared Hit Blocks': number
  'Shared Read Blocks': number
  Plans?: PlanNode[]
}

/** Returns the nodes of a plan that were executed and read a table. */
function scansIn(node: PlanNode): PlanNode[] {
  const below = (node.Plans ?? []).flatMap(scansIn)
  return node['Relation Name'] && node['Actual Loops'] > 0 ? [node, ...below] : below
}

/** Executes a statement with a plan that is made for any values, and returns its scans of tables. */
async function explain(url: string, { text, values = [] }: pg.QueryConfig): Promise<PlanNode[]> {
  const connection = await beginTransaction(t, url, 'SET LOCAL plan_cache_mode = force_generic_plan')
  const { rows } = await connection.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
    `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${text}`,
    values,
  )
  await connection.end()
  return rows.flatMap((row) => scansIn(row['QUERY PLAN'][0].Plan))
}

/** Adds 100,000 items of johndoe. Triggers would take most of the time. */
const manyItems = `
  SET session_replication_role = replica;
  INSERT INTO items (id, owner_id, item_id) SELECT gen_random_uuid(), id, 'item-' || n
  FROM users, generate_series(1, 100000) AS n WHERE username = 'johndoe'`

for (const [form, prepare] of [
  ['one statement', async () => {}],
  ['one statement per owner', partitionItems],
] as const)
  t.test(`${form} reads no more rows of an owner than its page needs`, async (t) => {
    const { url, statements, read } = await open(t)
    await prepare(url)
    await query(url, manyItems)
    await query(url, newItem, ['alice', 'Baz'])
    await query(url, 'ANALYZE items')
    const limit = 10
    const [large, small] = await Promise.all([read('johndoe', limit), read('alice', limit)])
    t.equal(large?.length, limit + 1)
    t.strictSame(small, ['Baz'])
    t.equal(statements.length, form === 'one statement' ? 1 : 2)
    const scans = (await Promise.all(statements.map((statement) => explain(url, statement)))).flat()
    const rows = scans.map(
      (scan) => scan['Actual Rows'] * scan['Actual Loops'] + (scan['Rows Removed by Filter'] ?? 0),
    )
    t.equal(
      rows.reduce((sum, count) => sum + count),
      limit + 1 + 1,
    )
    for (const scan of scans) t.ok(scan['Shared Hit Blocks'] + scan['Shared Read Blocks'] < 50)
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
