import { performance } from 'node:perf_hooks'
import pg from 'pg'
import { openDatabase } from '#dist/src/database/client.js'
import { startEmbeddedPostgres } from '#dist/src/database/embedded/index.js'
import { migrate } from '#dist/src/database/migrations.js'
import { createPageLoader } from '#dist/src/items/page-loader.js'
import { startTemporaryPostgres } from '../scripts/temporary-postgres.js'
import { median } from './lib/rounds.js'

// Measures each list of items and shows by EXPLAIN which index it uses: npm run bench:lists. A late page should cost as much
// as the first one. There are 1,000,000 items of one owner and 1,000,000 of others, in pages of 100.

/**
 * @typedef {import('#dist/src/items/item-pages.js').ItemPage} ItemPage
 * @typedef {import('#dist/src/database/query.js').Queryable} Queryable
 * @typedef {{ text: string, values: unknown[] }} Statement
 *
 * @typedef {object} List
 * @property {string} name
 * @property {Omit<ItemPage, 'limit'>} page its order and filters
 * @property {number[]} numbers numbers of the pages to read
 */

const rows = 1_000_000
const limit = 100
const lastPage = rows / limit
const middlePage = lastPage / 2
const repetitions = 15

const firstPage = [1]
const severalPages = [1, middlePage, lastPage]
const middle = new Date(Date.UTC(2026, 0, 1) + (rows / 2) * 1000)

/** @type {List[]} */
const lists = [
  { name: 'created_at', page: { sort: 'created_at' }, numbers: severalPages },
  { name: '-created_at', page: { sort: '-created_at' }, numbers: severalPages },
  { name: 'item_id', page: { sort: 'item_id' }, numbers: severalPages },
  { name: 'title', page: { sort: 'title' }, numbers: severalPages },
  { name: 'created_after', page: { sort: 'created_at', createdAfter: middle }, numbers: firstPage },
  { name: 'created_before', page: { sort: '-created_at', createdBefore: middle }, numbers: firstPage },
  {
    name: 'title_contains, in 1 of 10',
    page: { sort: 'created_at', titleContains: '7 of' },
    numbers: firstPage,
  },
  {
    name: 'title_contains, in none',
    page: { sort: 'created_at', titleContains: 'nowhere' },
    numbers: firstPage,
  },
]

const server = await startTemporaryPostgres(startEmbeddedPostgres, 'latchkey-bench-')
try {
  await migrate(server.url)
  console.table(await measureLists(server.url))
} finally {
  await server.stop()
}

/** @param {string} url */
async function measureLists(url) {
  const sql = new pg.Client({ connectionString: url })
  await sql.connect()
  sql.on('error', () => {})
  console.error(`adding ${2 * rows} items …`)
  const ownerId = await addItems(sql)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 60 }, url)
  const { readPool, lastStatement } = recordStatements(database.readPool)
  const { nameStatement, poolSize, sharding } = database
  const loadPage = createPageLoader({ readPool, nameStatement, poolSize, sharding })
  const measured = []
  for (const { name, page, numbers } of lists)
    for (const number of numbers) {
      const after = number === 1 ? null : await positionBefore(sql, ownerId, page.sort, number)
      const read = () => loadPage({ id: ownerId, username: 'owner' }, { limit, ...page, after })
      const ms = await medianDurationMs(read)
      const plan = await explain(sql, lastStatement())
      measured.push({
        list: name,
        page: number,
        index: plan.index,
        'rows read': plan.read,
        ms: ms.toFixed(2),
      })
    }
  await database.$disconnect()
  await sql.end()
  return measured
}

/**
 * Returns a pool that remembers its last statement.
 *
 * @param {Queryable} pool
 */
function recordStatements(pool) {
  /** @type {Statement | undefined} */
  let last
  const readPool = /** @type {Queryable} */ ({
    query(/** @type {Statement} */ statement) {
      last = statement
      return pool.query(statement)
    },
  })
  return { readPool, lastStatement: () => last }
}

/** @param {() => Promise<unknown>} work */
async function medianDurationMs(work) {
  const durations = []
  for (let i = 0; i < repetitions; i++) {
    const began = performance.now()
    await work()
    durations.push(performance.now() - began)
  }
  return median(durations) ?? Number.NaN
}

/**
 * Adds 1,000,000 items of one owner, and as many of others in between.
 *
 * @param {pg.Client} sql
 * @returns {Promise<string>} id of that owner
 */
async function addItems(sql) {
  const names = ['owner', ...Array.from({ length: 100 }, (_, i) => `other${i}`)]
  const { rows: users } = await sql.query(
    `INSERT INTO users (id, username, hashed_password, updated_at)
     SELECT gen_random_uuid(), name, '$2b$04$' || repeat('a', 53), now() FROM unnest($1::text[]) name RETURNING id`,
    [names],
  )
  const [owner, ...others] = users.map(({ id }) => id)
  await sql.query(
    `INSERT INTO items (id, owner_id, item_id, title, created_at, updated_at)
     SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 THEN $1::uuid ELSE ($2::uuid[])[1 + n / 2 % 100] END,
       'item-' || lpad((n / 2)::text, 8, '0'), CASE WHEN n / 2 % 4 > 0 THEN n / 2 % 10 || ' of ' || n / 2 END,
       timestamptz '2026-01-01Z' + n / 2 * interval '1 s', now()
     FROM generate_series(0, $3::int) n`,
    [owner, others, 2 * rows - 1],
  )
  await sql.query('VACUUM ANALYZE')
  return owner
}

/**
 * @param {pg.Client} sql
 * @param {string} ownerId
 * @param {string} sort
 * @param {number} page
 * @returns position of the last item before that page
 */
async function positionBefore(sql, ownerId, sort, page) {
  const column = sort.replace('-', '')
  const direction = sort.startsWith('-') ? 'DESC' : 'ASC'
  const { rows: found } = await sql.query(
    `SELECT ${column} AS value, id FROM items WHERE owner_id = $1 ORDER BY ${column} ${direction}, id ${direction} LIMIT 1 OFFSET $2`,
    [ownerId, (page - 1) * limit - 1],
  )
  const { value, id } = found[0]
  return { sort, value: value instanceof Date ? value.toISOString() : value, id }
}

/**
 * @param {pg.Client} sql
 * @param {Statement | undefined} statement
 */
async function explain(sql, statement) {
  if (!statement) throw new Error('no statement was sent')
  const { rows: plans } = await sql.query(
    `EXPLAIN (ANALYZE, FORMAT JSON) ${statement.text}`,
    statement.values,
  )
  const nodes = flatten(plans[0]['QUERY PLAN'][0].Plan)
  const scan = nodes.at(-1) ?? {}
  const read = scan['Actual Rows'] + (scan['Rows Removed by Filter'] ?? 0)
  return { index: nodes.map((node) => node['Index Name'] ?? node['Node Type']).join(' < '), read }
}

/**
 * Returns the nodes of a plan, the outermost first.
 *
 * @param {Record<string, any>} plan
 * @returns {Record<string, any>[]}
 */
function flatten(plan) {
  return [plan, ...(plan.Plans ?? []).flatMap(flatten)]
}
