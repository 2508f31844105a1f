import type { Transaction } from '../database/index.js'
import { escapeLike } from '../database/like.js'
import type { Position } from '../http/cursor.js'
import { cutPage } from '../http/page.js'

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

/** One page of a list. */
export interface ItemPage {
  limit: number
  sort: 'created_at' | '-created_at' | 'item_id' | 'title'
  after?: Position | null | undefined
  titleContains?: string | undefined
  createdAfter?: Date | undefined
  createdBefore?: Date | undefined
}

/** At most `limit` items of one owner, in order, and the position of the last one when more follow. */
export async function listItems(
  { id: ownerId }: Owner,
  { limit, sort, after, titleContains, createdAfter, createdBefore }: ItemPage,
  database: Transaction,
): Promise<{ items: StoredItem[]; next: Position | null }> {
  const { orderBy, following, keyOf } = orders[sort]
  const found = await database.item.findMany({
    where: {
      ownerId,
      ...(titleContains !== undefined && { title: containing(titleContains) }),
      createdAt: { ...(createdAfter && { gt: createdAfter }), ...(createdBefore && { lt: createdBefore }) },
      ...(after && { AND: following(after) }),
    },
    orderBy: [...orderBy],
    take: limit + 1,
  })
  const { page: items, last } = cutPage(found, limit)
  return { items, next: last ? { sort, value: keyOf(last), id: last.id } : null }
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

/** Every order ends with the id, which decides between equals: so a page begins right after the one before. */
const orders = {
  created_at: {
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
    following: ({ value, id }: Position) => {
      const createdAt = new Date(String(value))
      // The first condition is implied; it is what the index is entered by.
      return [
        { createdAt: { gte: createdAt } },
        { OR: [{ createdAt: { gt: createdAt } }, { id: { gt: id } }] },
      ]
    },
    keyOf: ({ createdAt }: StoredItem) => createdAt.toISOString(),
  },
  '-created_at': {
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    following: ({ value, id }: Position) => {
      const createdAt = new Date(String(value))
      return [
        { createdAt: { lte: createdAt } },
        { OR: [{ createdAt: { lt: createdAt } }, { id: { lt: id } }] },
      ]
    },
    keyOf: ({ createdAt }: StoredItem) => createdAt.toISOString(),
  },
  item_id: {
    orderBy: [{ itemId: 'asc' }],
    following: ({ value }: Position) => [{ itemId: { gt: String(value) } }],
    keyOf: ({ itemId }: StoredItem) => itemId,
  },
  title: {
    orderBy: [{ title: { sort: 'asc', nulls: 'last' } }, { id: 'asc' }],
    following: ({ value, id }: Position) =>
      value === null
        ? [{ title: null, id: { gt: id } }]
        : [{ OR: [{ title: { gt: value } }, { title: value, id: { gt: id } }, { title: null }] }],
    keyOf: ({ title }: StoredItem) => title,
  },
} as const

/** In any case. */
function containing(text: string) {
  return { contains: escapeLike(text), mode: 'insensitive' as const }
}
