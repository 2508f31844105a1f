import type { Transaction } from '../database/client.js'

/** Whose items they are. */
export interface Owner {
  id: string
  username: string
}

/** An item as it is stored. */
export type StoredItem = NonNullable<Awaited<ReturnType<typeof findItem>>>

/** What there is to say of an item. */
export interface ItemContent {
  title: string | null
  description: string | null
  metadata: object
}

/** One item, or null. */
export async function findItem({ id: ownerId }: Owner, itemId: string, database: Transaction) {
  return database.item.findUnique({ where: { ownerId_itemId: { ownerId, itemId } } })
}

/** Adds an item, or answers null when its owner has one of that id. */
export async function addItem(
  { id: ownerId }: Owner,
  itemId: string,
  content: ItemContent,
  database: Transaction,
): Promise<StoredItem | null> {
  const [added] = await database.item.createManyAndReturn({
    data: [{ ownerId, itemId, ...content }],
    skipDuplicates: true,
  })
  return added ?? null
}

/** An item to add, its metadata as JSON. */
export interface NewRow {
  itemId: string
  title: string | null
  description: string | null
  metadata: string
}

/**
 * Adds items, but for those whose owner has one of that id. The ids of those that were added.
 *
 * One statement of few values: Prisma takes a hundred times as long to compile one that has several for each row. The
 * ids of the rows are UUIDs of version 7 (RFC 9562 §5.7) by PostgreSQL's clock, in the order of the items.
 *
 * @param items at most 4,096, as the order has three hexadecimal digits
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

/** Replaces what is said of an item, unless it has changed since it was read. */
export async function replaceItem(
  { id: ownerId }: Owner,
  { id, version }: StoredItem,
  content: ItemContent,
  database: Transaction,
): Promise<StoredItem | null> {
  const [replaced] = await database.item.updateManyAndReturn({
    where: { ownerId, id, version },
    data: { ...content, version: { increment: 1 } },
  })
  return replaced ?? null
}

/** Removes an item, unless it has changed since it was read. Whether it did. */
export async function removeItem(
  { id: ownerId }: Owner,
  { id, version }: StoredItem,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.item.deleteMany({ where: { ownerId, id, version } })
  return count === 1
}
