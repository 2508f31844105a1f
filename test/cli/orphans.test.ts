import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { Command } from 'commander'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { orphansAction } from '../../src/cli/doctor/orphans.js'
import { openDatabase } from '../../src/database/client.js'
import type { QueryTarget } from '../../src/database/query.js'
import { removeDepartedItems } from '../../src/items/departed-owners.js'
import { type Orphan, scheduleRemoval, sweepOrphans } from '../../src/items/orphans.js'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { cheapHash } from '../helpers/replicas.js'
import { partitionItems } from '../helpers/sharding.js'

const firstId = '00000000-0000-0000-0000-000000000000'
/** Ids before and after those of all other users. */
const early = '00000000-0000-7000-8000-000000000001'
const late = 'ffffffff-ffff-7fff-bfff-ffffffffffff'

async function open(t: Test) {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  return { url, database }
}

const newUser = 'INSERT INTO users (id, username, hashed_password) VALUES ($1, $2, $3)'

async function addUser(url: string, id: string, items: number): Promise<void> {
  await query(url, newUser, [id, `jane-${id}`, cheapHash])
  await query(
    url,
    "INSERT INTO items (id, owner_id, item_id) SELECT gen_random_uuid(), $1, 'i' || n FROM generate_series(1, $2) AS n",
    [id, items],
  )
}

/** Adds items of an owner who does not exist, and whom nothing remembers. */
async function addOrphan(url: string, id: string, items: number): Promise<void> {
  await addUser(url, id, items)
  await query(url, 'DELETE FROM users WHERE id = $1', [id])
  await query(url, 'DELETE FROM departed_owners')
}

async function sweep(database: QueryTarget, pageSize?: number) {
  let owners = 0
  const orphans: Orphan[] = []
  for await (const page of sweepOrphans(database, pageSize)) {
    owners += page.owners
    orphans.push(...page.orphans)
  }
  return { owners, orphans }
}

for (const [where, prepare] of [
  ['one table', async () => {}],
  ['a table that is divided by owner', partitionItems],
] as const)
  t.test(`owners who do not exist are found in ${where}, whatever the size of a page`, async (t) => {
    const { url, database } = await open(t)
    await prepare(url)
    await addOrphan(url, early, 3)
    await addOrphan(url, late, 4)
    const orphans = [
      { ownerId: early, items: 3 },
      { ownerId: late, items: 4 },
    ]
    for (const pageSize of [1, 2, 3, 4, undefined])
      t.strictSame(await sweep(database, pageSize), { owners: 3, orphans }, String(pageSize))
    await query(url, 'DELETE FROM items')
    t.strictSame(await sweep(database), { owners: 0, orphans: [] })
    await addOrphan(url, firstId, 1)
    await query(url, 'UPDATE items SET id = $1', [firstId])
    t.strictSame(await sweep(database), { owners: 1, orphans: [{ ownerId: firstId, items: 1 }] })
  })

t.test('of each owner, a sweep reads one item, and counts those of an orphan in batches', async (t) => {
  const { url, database } = await open(t)
  await addOrphan(url, early, 10_001)
  await query(url, 'VACUUM ANALYZE items')
  const statements: string[] = []
  const orphans = [{ ownerId: early, items: 10_001 }]
  t.match(await sweep(interrupted(database, ({ text: sql }) => void statements.push(sql))), { orphans })
  const scan = String(statements.find((sql) => /RECURSIVE/.test(sql))).replace('$1', `'${firstId}'`)
  const plan = await query<{ 'QUERY PLAN': string }>(
    url,
    `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, BUFFERS OFF, SUMMARY OFF) ${scan}`,
  )
  const reads = plan.map((row) => row['QUERY PLAN']).filter((line) => / on items/.test(line))
  t.match(reads, [/Index Only Scan .*rows=1.00 loops=1\b/, /Index Only Scan .*rows=0.50 loops=2\b/])
})

/** Returns the database, with something that happens after each statement. */
function interrupted(
  { pool }: QueryTarget,
  happen: (statement: pg.QueryConfig) => void | Promise<void>,
): QueryTarget {
  return {
    pool: {
      async query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig) {
        const result = await pool.query<Row>(statement)
        await happen(statement)
        return result
      },
    },
    nameStatement: () => undefined,
  }
}

/** Sweeps a database in which something happens after a statement. @param place number of that statement, from 1 */
async function sweepDuring(database: QueryTarget, place: number, happen: () => Promise<unknown>) {
  let sent = 0
  const { orphans } = await sweep(
    interrupted(database, async () => {
      sent += 1
      if (sent === place) await happen()
    }),
  )
  return { orphans, happened: sent >= place }
}

t.test('a user who is created or deleted during the sweep is no orphan', async (t) => {
  const { url, database } = await open(t)
  const none = { orphans: [], happened: true }
  for (const place of [1, 2, 3, 4]) {
    t.strictSame(await sweepDuring(database, place, () => addUser(url, late, 1)), none, `created ${place}`)
    const deletion = () => query(url, 'DELETE FROM users WHERE id = $1', [late])
    t.strictSame(await sweepDuring(database, place, deletion), none, `deleted ${place}`)
    const removal = () => removeDepartedItems(database)
    t.strictSame(await sweepDuring(database, place, removal), none, `removed ${place}`)
    t.equal(await database.item.count(), 1)
  }
})

t.test('the items of a user who exists again are not removed', async (t) => {
  const { url, database } = await open(t)
  await addOrphan(url, early, 1)
  const { orphans } = await sweep(database)
  await query(url, newUser, [early, 'jane', cheapHash])
  t.strictSame(await scheduleRemoval(orphans, database), [])
  t.equal(await database.departedOwner.count(), 0)
})

t.test('doctor --orphans counts items without an owner, and removes them on request', async (t) => {
  const { url, database } = await open(t)
  const run = (...args: string[]) => runCommand(url, ['doctor', '--orphans', ...args])
  const some = { owners_of_items: 3, missing_owners: 2, orphaned_items: 5 }
  const counts = (found: object) => JSON.parse(JSON.stringify({ ...some, ...found }))
  t.match(await run(), {
    status: 0,
    stdout: /^owners_of_items +1\nmissing_owners +0\norphaned_items +0\nremoved +false\n$/,
  })
  await addOrphan(url, early, 2)
  await addOrphan(url, late, 3)
  const found = await run('--json')
  t.match(found, { status: 1, stderr: /"code": "failure"/ })
  t.strictSame(JSON.parse(found.stdout), counts({ removed: false }))
  t.match(await run('remove'), { status: 2, stderr: /requires --yes/ })
  t.equal(await database.item.count(), 6)
  const removed = await run('remove', '--yes', '--json')
  t.match(removed, { status: 0, stderr: '' })
  t.strictSame(JSON.parse(removed.stdout), counts({ removed: true }))
  t.equal(await database.item.count(), 1)
  t.equal(await database.departedOwner.count(), 0)
  const again = JSON.parse((await run('remove', '--yes', '--json')).stdout)
  t.strictSame(again, counts({ owners_of_items: 1, missing_owners: 0, orphaned_items: 0, removed: true }))
  t.match(await run('count'), { status: 2, stderr: /Allowed choices are remove/ })
})

t.test('doctor --orphans reports its progress', async (t) => {
  const { url } = await open(t)
  await addOrphan(url, early, 2)
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const io = {
    env: { DATABASE_URL: url },
    stdin: new PassThrough(),
    stdout,
    stderr,
    nodeVersion: '',
    now: new Date(0),
  }
  await t.rejects(orphansAction(io, 1, 2)(new Command()), { message: /have no owner/ })
  stderr.end()
  t.equal(await text(stderr), 'latchkey: 2 owners, of whom 1 do not exist and have 2 items\n')
})
