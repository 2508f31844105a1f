import type { Database, Transaction } from '../database/client.js'
import { readRows } from '../database/query.js'

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

/** Finds one item in order to change it. Items of a deleted user that are not removed yet are not found. */
export async function findItem(
  { id: ownerId }: Owner,
  itemId: string,
  database: Transaction,
): Promise<StoredItem | null> {
  const ofExistingUser = `${oneItem} AND EXISTS (SELECT FROM users WHERE users.id = owner_id)`
  const [found] = await database.$queryRawUnsafe<StoredItem[]>(ofExistingUser, ownerId, itemId)
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

const oneItem = `
  SELECT
    id, owner_id AS "ownerId", item_id AS "itemId", title, description, metadata, version,
    created_at AS "createdAt", updated_at AS "updatedAt"
  FROM items WHERE owner_id = $1::uuid AND item_id = $2`

/** Adds an item. Returns null if its owner already has one with this id. */
export async function addItem(
  { id: ownerId }: Owner,
  itemId: string,
  content: StoredContent,
  database: Transaction,
): Promise<StoredItem | null> {
  const [added] = await database.item.createManyAndReturn({
    data: [{ ownerId, itemId, ...content }],
    skipDuplicates: true,
  })
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
 * The statement has one parameter per column, as Prisma takes a hundred times as long to compile one with several
 * parameters per row. The ids of the rows are UUIDs of version 7 (RFC 9562 §5.7) in the order of the items, by
 * PostgreSQL's clock.
 *
 * @param items at most 4,096: their order takes three hexadecimal digits of the UUID
 */
export async function addItems(
  { id: ownerId }: Owner,
  items: NewRow[],
  database: Transaction,
): Promise<Set<string>> {
  const added = await database.$queryRaw<{ itemId: string }[]>`
    INSERT INTO items (id, owner_id, item_id, title, description, metadata)
    SELECT
      (
        lpad(to_hex(floor(extract(epoch FROM statement_timestamp()) * 1000)::bigint), 12, '0')
        || '7' || lpad(to_hex(place - 1), 3, '0') || substr(gen_random_uuid()::text, 20)
      )::uuid,
      ${ownerId}::uuid, item_id, title, description, metadata::jsonb
    FROM unnest(
      ${items.map(({ itemId }) => itemId)}::text[],
      ${items.map(({ title }) => title)}::text[],
      ${items.map(({ description }) => description)}::text[],
      ${items.map(({ metadata }) => metadata)}::text[]
    ) WITH ORDINALITY AS given (item_id, title, description, metadata, place)
    ON CONFLICT (owner_id, item_id) DO NOTHING
    RETURNING item_id AS "itemId"`
  return new Set(added.map(({ itemId }) => itemId))
}

/** Replaces the content of an item. Returns null if the item has changed since it was read. */
export async function replaceItem(
  { id: ownerId }: Owner,
  { id, version }: StoredItem,
  content: StoredContent,
  database: Transaction,
): Promise<StoredItem | null> {
  const [replaced] = await database.item.updateManyAndReturn({
    where: { ownerId, id, version },
    data: { ...content, version: { increment: 1 } },
  })
  return replaced ?? null
}

/** Deletes an item. Returns false if the item has changed since it was read. */
export async function removeItem(
  { id: ownerId }: Owner,
  { id, version }: StoredItem,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.item.deleteMany({ where: { ownerId, id, version } })
  return count === 1
}
