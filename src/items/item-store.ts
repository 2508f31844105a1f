import { randomUUID } from 'node:crypto'
import type { Database, Transaction } from '../database/client.js'
import { ForeignKeyViolation } from '../database/errors.js'
import { queryRows, readRows } from '../database/query.js'

// Every statement on items names one owner by a parameter: the table may be divided by owner among several servers, and
// then it concerns one of them. For the same reason none of them names another table.

/** The owner of items. */
export interface Owner {
  id: string
  username: string
}

/** An item as it is stored. */
export interface StoredItem {
  id: string
  ownerId: string
  itemId: string
  title: string | null
  description: string | null
  metadata: unknown
  version: number
  createdAt: Date
  updatedAt: Date
}

/** The part of an item that its owner writes. */
export interface StoredContent {
  title: string | null
  description: string | null
  metadata: object
}

/** Finds one item in order to change it. */
export async function findItem(
  { id: ownerId }: Owner,
  itemId: string,
  database: Database,
): Promise<StoredItem | null> {
  const [found] = await queryRows<StoredItem>(oneItem, [ownerId, itemId], database)
  return found ?? null
}

/** Finds one item for a caller that only reads it: it may come from a replica. */
export async function findItemOnReplica(
  { id: ownerId }: Owner,
  itemId: string,
  database: Database,
): Promise<StoredItem | null> {
  const [found] = await readRows<StoredItem>(oneItem, [ownerId, itemId], database)
  return found ?? null
}

const stored = `
  id, owner_id AS "ownerId", item_id AS "itemId", title, description, metadata, version,
  created_at AS "createdAt", updated_at AS "updatedAt"`

const oneItem = `SELECT ${stored} FROM items WHERE owner_id = $1::uuid AND item_id = $2`

/** Returns whether a user still exists. */
export async function ownerExists({ id }: Owner, database: Database): Promise<boolean> {
  const found = await queryRows('SELECT FROM users WHERE id = $1::uuid', [id], database)
  return found.length > 0
}

/**
 * Adds an item. Returns null if its owner already has one with this id.
 *
 * @param transaction holds the lock on the owner until the item is committed
 * @throws ForeignKeyViolation if the owner has been deleted
 */
export async function addItem(
  owner: Owner,
  itemId: string,
  { title, description, metadata }: StoredContent,
  transaction: Transaction,
): Promise<StoredItem | null> {
  const row = { itemId, title, description, metadata: JSON.stringify(metadata) }
  const [added] = await insertItems<StoredItem>(owner, [row], stored, transaction)
  return added ?? null
}

/** An item to add. Its metadata is JSON text. */
export interface NewRow {
  itemId: string
  title: string | null
  description: string | null
  metadata: string
}

/**
 * Adds all items whose id their owner does not use yet. Returns the ids of the items that were added.
 *
 * @param items at most 4,096: their order takes three hexadecimal digits of the ids of the rows
 * @param transaction holds the lock on the owner until the items are committed
 * @throws ForeignKeyViolation if the owner has been deleted
 */
export async function addItems(
  owner: Owner,
  items: NewRow[],
  transaction: Transaction,
): Promise<Set<string>> {
  const added = await insertItems<{ itemId: string }>(owner, items, 'item_id AS "itemId"', transaction)
  return new Set(added.map(({ itemId }) => itemId))
}

/** Inserts the items whose id is free, and returns columns of their rows. */
async function insertItems<Row>(
  { id: ownerId }: Owner,
  items: NewRow[],
  returning: string,
  transaction: Transaction,
): Promise<Row[]> {
  const now = await lockOwner(ownerId, transaction)
  const values = items.flatMap(({ itemId, title, description, metadata }, place) => [
    newRowId(now, place),
    itemId,
    title,
    description,
    metadata,
  ])
  return transaction.$queryRawUnsafe<Row[]>(insertionOf(items.length, returning), ownerId, ...values)
}

/**
 * Locks the owner of new items against deletion until the end of the transaction: the items of a deleted user are removed
 * once, so none may be added later. Returns the time of the database (milliseconds since the Unix epoch).
 */
async function lockOwner(ownerId: string, transaction: Transaction): Promise<number> {
  const [found] = await transaction.$queryRaw<{ now: number }[]>`
    SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now FROM users WHERE id = ${ownerId}::uuid
    FOR KEY SHARE`
  if (!found) throw new ForeignKeyViolation('items_owner_id_fkey')
  return Math.floor(found.now)
}

/** Returns a UUID of version 7 (RFC 9562 §5.7). Those of one time are in the order of their places. */
function newRowId(milliseconds: number, place: number): string {
  const time = milliseconds.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${place.toString(16).padStart(3, '0')}-${randomUUID().slice(19)}`
}

/** Number of values of one row, without its owner. */
const columnsPerRow = 5

/**
 * Returns the statement that inserts a number of rows. It lists their values: rows selected from arrays would pass through the
 * coordinator of a distributed table, and be committed in two phases. The only key that can be in use is the id that the owner
 * has chosen; its columns are not named, as a table with foreign partitions has no index of its own.
 */
function insertionOf(rows: number, returning: string): string {
  const row = (_: unknown, place: number) => {
    const first = 2 + columnsPerRow * place
    return `($${first}::uuid, $1::uuid, $${first + 1}, $${first + 2}, $${first + 3}, $${first + 4}::jsonb)`
  }
  return `
  INSERT INTO items (id, owner_id, item_id, title, description, metadata)
  VALUES ${Array.from({ length: rows }, row).join(', ')}
  ON CONFLICT DO NOTHING
  RETURNING ${returning}`
}

/** Replaces the content of an item. Returns null if the item has changed since it was read. */
export async function replaceItem(
  { id: ownerId }: Owner,
  { id, version }: StoredItem,
  { title, description, metadata }: StoredContent,
  database: Database,
): Promise<StoredItem | null> {
  const values = [ownerId, id, version, title, description, JSON.stringify(metadata)]
  const [replaced] = await queryRows<StoredItem>(replacement, values, database)
  return replaced ?? null
}

const replacement = `
  UPDATE items
  SET title = $4, description = $5, metadata = $6::jsonb, version = version + 1, updated_at = now()
  WHERE owner_id = $1::uuid AND id = $2::uuid AND version = $3::int
  RETURNING ${stored}`

/** Deletes an item. Returns false if the item has changed since it was read. */
export async function removeItem(
  { id: ownerId }: Owner,
  { id, version }: StoredItem,
  database: Database,
): Promise<boolean> {
  return (await queryRows(removal, [ownerId, id, version], database)).length > 0
}

const removal =
  'DELETE FROM items WHERE owner_id = $1::uuid AND id = $2::uuid AND version = $3::int RETURNING id'
