import pg from 'pg'
import { query } from '../database/query.js'
import { createDatabase } from './server.js'

/** Remainders of the partitions. */
const remainders = [0, 1, 2, 3]

/** Name of a partition. */
export const partitionName = /^items_\d$/

/** Divides the items by owner among partitions. As on a distributed table, there are no triggers any more. */
export async function partitionItems(url: string): Promise<void> {
  const partitions = remainders.map((i) => `CREATE TABLE items_${i} PARTITION OF items ${boundsOf(i)}`)
  await divideItems(url, 'INCLUDING ALL', partitions)
}

/**
 * Divides the items likewise, and puts half of the partitions into another database, to which postgres_fdw connects: that of the
 * tutorial's item, and the next one. What such a table lacks:
 *
 * - It has no unique index, only its partitions have, so an ON CONFLICT cannot name columns.
 * - FOR UPDATE SKIP LOCKED and NOWAIT wait for rows of the other database, whose transactions are REPEATABLE READ. A wait for a lock
 *   there is not seen in this one.
 * - PostgreSQL 18.4 crashes when a generic plan that changes rows skips a foreign partition while it is executed. Therefore
 *   statements are planned for their values here.
 *
 * @param url a database without connections
 * @returns the URL of the other database
 */
export async function distributeItems(url: string): Promise<string> {
  const { pathname, hostname: host, port, username, password } = new URL(url)
  const name = pathname.slice(1)
  const other = await createDatabase(url, name)
  const tables = remainders.map((i) => `CREATE TABLE items_${i} (LIKE items INCLUDING ALL)`)
  await query(other, tables.join(';'))
  const dbname = new URL(other).pathname.slice(1)
  const login = { user: decodeURIComponent(username), password: decodeURIComponent(password) }
  const first = await remainderOfItem(url)
  const isElsewhere = (i: number) => (i - first + remainders.length) % remainders.length < 2
  await divideItems(url, 'INCLUDING ALL EXCLUDING INDEXES', [
    'CREATE EXTENSION postgres_fdw',
    `CREATE SERVER other FOREIGN DATA WRAPPER postgres_fdw ${optionsOf({ host, port, dbname })}`,
    `CREATE USER MAPPING FOR CURRENT_USER SERVER other ${optionsOf(login)}`,
    ...remainders.map((i) => (isElsewhere(i) ? foreignPartition(i) : ownPartition(i))),
    `ALTER DATABASE ${name} SET plan_cache_mode = force_custom_plan`,
  ])
  return other
}

/** Returns the remainder of the partition that the tutorial's item belongs to. */
async function remainderOfItem(url: string): Promise<number> {
  await query(url, 'CREATE TABLE divided (owner_id uuid) PARTITION BY HASH (owner_id)')
  const [found] = await query<{ i: number }>(
    url,
    `SELECT i FROM items, unnest($1::int[]) AS i
     WHERE item_id = 'Foo' AND satisfies_hash_partition('divided'::regclass, $2, i, owner_id)`,
    [remainders, remainders.length],
  )
  await query(url, 'DROP TABLE divided')
  return found?.i ?? 0
}

function ownPartition(i: number): string {
  return `CREATE TABLE items_${i} (LIKE undivided_items INCLUDING ALL); ALTER TABLE items ATTACH PARTITION items_${i} ${boundsOf(i)}`
}

function foreignPartition(i: number): string {
  return `CREATE FOREIGN TABLE items_${i} PARTITION OF items ${boundsOf(i)} SERVER other`
}

function boundsOf(remainder: number): string {
  return `FOR VALUES WITH (MODULUS ${remainders.length}, REMAINDER ${remainder})`
}

function optionsOf(options: Record<string, string>): string {
  const list = Object.entries(options).map(([name, value]) => `${name} ${pg.escapeLiteral(value)}`)
  return `OPTIONS (${list.join(', ')})`
}

/**
 * Replaces the table of items by a partitioned one, in one transaction.
 *
 * @param likeness options of LIKE, which say what the new table has of the former one
 * @param partitions statements that create its partitions, like `undivided_items`
 */
async function divideItems(url: string, likeness: string, partitions: string[]): Promise<void> {
  await query(
    url,
    [
      'ALTER TABLE items RENAME TO undivided_items',
      `CREATE TABLE items (LIKE undivided_items ${likeness}) PARTITION BY HASH (owner_id)`,
      ...partitions,
      'INSERT INTO items SELECT * FROM undivided_items',
      'DROP TABLE undivided_items',
    ].join(';'),
  )
}
