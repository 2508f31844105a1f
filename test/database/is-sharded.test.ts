import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { readSharding } from '../../src/database/sharding.js'
import { cloneDatabase, newDatabase } from '../helpers/database.js'
import { startProxy } from '../helpers/proxy.js'
import { partitionItems } from '../helpers/sharding.js'
import { query } from './query.js'

function open(t: Test, url: string) {
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 2 }, url)
  t.teardown(() => database.$disconnect())
  return database
}

t.test('a table that is partitioned is sharded, an ordinary one or a missing one is not', async (t) => {
  const url = await cloneDatabase(t)
  const database = open(t, url)
  t.equal(await readSharding(database), false)
  await partitionItems(url)
  t.equal(await readSharding(database), true)
  t.equal(await readSharding(open(t, await newDatabase(t))), false)
})

/** The catalogue of Citus that lists its tables. */
const catalogue = `
  SET allow_system_table_mods = on;
  CREATE TABLE pg_catalog.pg_dist_partition (logicalrelid regclass, partmethod "char")`

t.test('a table that Citus distributes is sharded, a local one that it knows is not', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, catalogue)
  const database = open(t, url)
  t.equal(await readSharding(database), false)
  for (const [method, isSharded] of [
    ['n', false],
    ['h', true],
  ] as const) {
    await query(url, `INSERT INTO pg_dist_partition VALUES ('items', '${method}')`)
    t.equal(await readSharding(database), isSharded, method)
  }
  await query(url, 'DELETE FROM pg_dist_partition')
  await partitionItems(url)
  t.equal(await readSharding(database), true)
})

t.test('what was found is remembered, and looked up again after what is not supported', async (t) => {
  const url = await cloneDatabase(t)
  const { sharding } = open(t, url)
  t.equal(await sharding.isSharded(), false)
  await partitionItems(url)
  t.equal(await sharding.isSharded(), false)
  t.equal(await sharding.hasChanged(Object.assign(new Error(), { code: '57014' }), false), false)
  t.equal(await sharding.isSharded(), false)
  const unsupported = Object.assign(new Error(), { code: '0A000' })
  t.equal(await sharding.hasChanged(unsupported, false), true)
  t.equal(await sharding.hasChanged(unsupported, true), false)
  t.equal(await sharding.isSharded(), true)
})

t.test('statements that fail one after the other need one look-up', async (t) => {
  const url = await cloneDatabase(t)
  const { pool, sharding } = open(t, url)
  t.equal(await sharding.isSharded(), false)
  await partitionItems(url)
  const lookups = t.capture(pool, 'query', pool.query)
  const unsupported = Object.assign(new Error(), { code: '0A000' })
  t.equal(await sharding.hasChanged(unsupported, false), true)
  t.equal(await sharding.hasChanged(unsupported, false), true)
  t.equal(lookups().length, 1)
})

t.test('a look-up that failed is repeated', async (t) => {
  const proxy = await startProxy(t, await cloneDatabase(t))
  const { sharding } = open(t, proxy.url)
  proxy.stall()
  await t.rejects(sharding.isSharded())
  proxy.open()
  t.equal(await sharding.isSharded(), false)
})
