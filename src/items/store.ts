import type { Transaction } from '../database/index.js'

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

/** Adds items, but for those whose owner has one of that id. The ids of the others. */
export async function addItems(
  { id: ownerId }: Owner,
  items: (ItemContent & { itemId: string })[],
  database: Transaction,
): Promise<Set<string>> {
  const added = await database.item.createManyAndReturn({
    data: items.map((item) => ({ ownerId, ...item })),
    skipDuplicates: true,
    select: { itemId: true },
  })
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
