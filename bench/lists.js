import { performance } from 'node:perf_hooks'
import pg from 'pg'
import { openDatabase } from '#dist/src/database/client.js'
import { startEmbeddedPostgres } from '#dist/src/database/embedded/index.js'
import { migrate } from '#dist/src/database/migrations.js'
import { createPageLoader } from '#dist/src/items/page-loader.js'
import { startTemporaryPostgres } from '../scripts/temporary-postgres.js'

// Shows by EXPLAIN which index serves each list of items, and that a late page costs the same as the first one, on
// 1,000,000 items of one owner and 1,000,000 of others, in pages of 100.

const rows = 1_000_000
const limit = 100
const lastPage = rows / limit
const middlePage = lastPage / 2
const repetitions = 15

const server = await startTemporaryPostgres(startEmbeddedPostgres, 'latchkey-bench-')
try {
  await migrate(server.url)
  await run(server.url)
} finally {
  await server.stop()
}

/** @param {string} url */
async function run(url) {
  const sql = new pg.Client({ connectionString: url })
  await sql.connect()
  sql.on('error', () => {})
  console.error(`adding ${2 * rows} items …`)
  const owner = await fill(sql)
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 60 }, url)
  /** @type {{ text: string, values: unknown[] } | undefined} */
  let last
  const { readPool } = database
  const recording = /** @type {pg.Pool} */ ({
    query(/** @type {typeof last} */ statement) {
      last = statement
      return readPool.query(/** @type {pg.QueryConfig} */ (statement))
    },
  })
  const pageOf = createPageLoader({ readPool: recording, nameStatement: database.nameStatement })

  const lists = []
  const middle = new Date(Date.UTC(2026, 0, 1) + (rows / 2) * 1000)
  const sorted = /** @type {const} */ (['created_at', '-created_at', 'item_id', 'title'])
  /** @type {[string, Omit<import('#dist/src/items/item-pages.js').ItemPage, 'limit'>][]} */
  const pages = [
    ...sorted.map((sort) => /** @type {[string, { sort: typeof sort }]} */ ([sort, { sort }])),
    ['created_after', { sort: 'created_at', createdAfter: middle }],
    ['created_before', { sort: '-created_at', createdBefore: middle }],
    ['title_contains, in 1 of 10', { sort: 'created_at', titleContains: '7 of' }],
    ['title_contains, in none', { sort: 'created_at', titleContains: 'nowhere' }],
  ]
  for (const [name, page] of pages) {
    for (const number of name === page.sort ? [1, middlePage, lastPage] : [1]) {
      const after = number === 1 ? undefined : await positionBefore(sql, owner, page.sort, number)
      const times = []
      for (let i = 0; i < repetitions; i++) {
        const began = performance.now()
        await pageOf({ id: owner, username: 'owner' }, { limit, ...page, after })
        times.push(performance.now() - began)
      }
      const { index, read } = await explain(sql, last)
      lists.push({
        list: name,
        page: number,
        index,
        'rows read': read,
        ms: median(times).toFixed(2),
      })
    }
  }
  console.table(lists)
  await database.$disconnect()
  await sql.end()
}

/**
 * @param {pg.Client} sql
 * @returns {Promise<string>} the owner of half of the items
 */
async function fill(sql) {
  const names = ['owner', ...Array.from({ length: 100 }, (_, i) => `other${i}`)]
  const { rows: users } = await sql.query(
    "INSERT INTO users (id, username, hashed_password, updated_at) SELECT gen_random_uuid(), name, '$2b$04$' || repeat('a', 53), now() FROM unnest($1::text[]) name RETURNING id",
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
 * @param {string} owner
 * @param {string} sort
 * @param {number} page
 * @returns the position where that page begins
 */
async function positionBefore(sql, owner, sort, page) {
  const column = sort.replace('-', '')
  const direction = sort.startsWith('-') ? 'DESC' : 'ASC'
  const { rows: found } = await sql.query(
    `SELECT ${column} AS value, id FROM items WHERE owner_id = $1 ORDER BY ${column} ${direction}, id ${direction} LIMIT 1 OFFSET $2`,
    [owner, (page - 1) * limit - 1],
  )
  const { value, id } = found[0]
  return { sort, value: value instanceof Date ? value.toISOString() : value, id }
}

/**
 * @param {pg.Client} sql
 * @param {{ text: string, values: unknown[] } | undefined} statement
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
 * @param {Record<string, any>} plan
 * @returns {Record<string, any>[]} the plan's nodes, the outermost first
 */
function flatten(plan) {
  return [plan, ...(plan.Plans ?? []).flatMap(flatten)]
}

/** @param {number[]} values */
function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
