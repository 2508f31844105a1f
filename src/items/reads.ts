import DataLoader from 'dataloader'
import type { Database } from '../database/client.js'
import { escapeLike } from '../database/like.js'
import { readRows } from '../database/query.js'
import type { Position } from '../http/cursor.js'
import { cutPage } from '../http/page.js'
import type { Owner, StoredItem } from './item-store.js'

/** One page of a list. */
export interface ItemPage {
  limit: number
  sort: keyof typeof orders
  after?: Position | null | undefined
  titleContains?: string | undefined
  createdAfter?: Date | undefined
  createdBefore?: Date | undefined
}

/** What a list tells of an item, and what its place in the list is known by. */
export type ListedItem = Pick<StoredItem, 'id' | 'itemId' | 'title' | 'createdAt'>

/** Items of a page, in order, and the position of the last one when more follow. */
export interface FoundPage<T> {
  items: T[]
  next: Position | null
}

/** What reads need of the database. */
type Reader = Pick<Database, 'readPool' | 'nameStatement'>

const listed = 'id, item_id AS "itemId", title, created_at AS "createdAt"'
const whole = `${listed}, owner_id AS "ownerId", description, metadata, version, updated_at AS "updatedAt"`
const written = `${listed}, description, metadata::text AS metadata, version, updated_at AS "updatedAt"`

/** An item whose metadata is JSON text: parsed, many small values take far more time and memory. */
export type WrittenItem = Omit<StoredItem, 'ownerId' | 'metadata'> & { metadata: string }

/** At most `limit` items of one owner. */
function listItems(owner: Owner, page: ItemPage, database: Reader): Promise<FoundPage<ListedItem>> {
  return findPage<ListedItem>(listed, owner, page, database)
}

/** The same with all there is to say of each item. */
export function listWrittenItems(
  owner: Owner,
  page: ItemPage,
  database: Database,
): Promise<FoundPage<WrittenItem>> {
  return findPage<WrittenItem>(written, owner, page, database)
}

/**
 * Makes a function that does what `listItems` does, but reads what several callers want at the same moment only once,
 * and all first pages in the default order by one statement. What each gets was read after they had asked.
 */
export function createPageLoader(database: Reader) {
  const firstPages = new DataLoader<WantedPage, FoundPage<ListedItem>, string>(
    function readTogether(wanted) {
      firstPages.clearAll()
      return readFirstPages(wanted, database)
    },
    { ...sharing, maxBatchSize },
  )
  const otherPages = new DataLoader<WantedPage, FoundPage<ListedItem>, string>(
    function readAlone(wanted) {
      otherPages.clearAll()
      return Promise.all(wanted.map(({ owner, page }) => listItems(owner, page, database)))
    },
    // A page may take longer than others, which must not wait for it.
    { ...sharing, batch: false },
  )
  return function loadPage(owner: Owner, page: ItemPage): Promise<FoundPage<ListedItem>> {
    return (isFirstPage(page) ? firstPages : otherPages).load({ owner, page })
  }
}

interface WantedPage {
  owner: Owner
  page: ItemPage
}

/** A loader keeps what was asked for until it is read, and no longer: it forgets that as it begins to. */
const sharing = {
  cacheKeyFn: ({ owner, page }: WantedPage) => JSON.stringify([owner.id, page]),
  batchScheduleFn: setImmediate,
}

/** Maximum number of pages that one statement reads. */
const maxBatchSize = 50

function isFirstPage({ sort, after, titleContains, createdAfter, createdBefore }: ItemPage): boolean {
  return sort === 'created_at' && !after && titleContains === undefined && !createdAfter && !createdBefore
}

async function readFirstPages(
  wanted: readonly WantedPage[],
  database: Reader,
): Promise<FoundPage<ListedItem>[]> {
  const places = [wanted.map(({ owner }) => owner.id), wanted.map(({ page }) => page.limit + 1)]
  const rows = await readRows<ListedItem & { place: number }>(firstPagesOf, places, database)
  const pages = wanted.map(({ page }) => ({ page, found: [] as ListedItem[] }))
  for (const { place, ...item } of rows) (pages[place - 1] as (typeof pages)[number]).found.push(item)
  return pages.map(({ found, page }) => toResult(found, page))
}

/** The arrays stand in subqueries: else PostgreSQL plans anew for their lengths each time, which costs more than to read. */
const firstPagesOf = `
  SELECT place::int, ${listed}
  FROM unnest((SELECT $1::uuid[]), (SELECT $2::int[])) WITH ORDINALITY AS wanted (owner, rows, place)
  CROSS JOIN LATERAL (
    SELECT * FROM items WHERE owner_id = wanted.owner ORDER BY created_at, id LIMIT wanted.rows
  ) AS items
  ORDER BY place, created_at, id`

/** Returns one item, or null, for callers that only read it: it may come from a replica. */
export async function findItemOnReplica(
  { id: ownerId }: Owner,
  itemId: string,
  database: Database,
): Promise<StoredItem | null> {
  const [found] = await readRows<StoredItem>(oneItem, [ownerId, itemId], database)
  return found ?? null
}

const oneItem = `SELECT ${whole} FROM items WHERE owner_id = $1::uuid AND item_id = $2`

/** What follows a position may lie in several stretches of an index: they are read one after the other, as far as needed. */
async function findPage<T extends ListedItem>(
  columns: string,
  owner: Owner,
  page: ItemPage,
  database: Reader,
): Promise<FoundPage<T>> {
  const found: T[] = []
  for (const stretch of page.after ? orders[page.sort].following(page.after) : [everything]) {
    const missing = page.limit + 1 - found.length
    if (missing > 0) found.push(...(await readStretch<T>(columns, owner, page, stretch, missing, database)))
  }
  return toResult(found, page)
}

function readStretch<T extends ListedItem>(
  columns: string,
  { id: ownerId }: Owner,
  page: ItemPage,
  stretch: IndexRange,
  rows: number,
  database: Reader,
): Promise<T[]> {
  const values: unknown[] = []
  const value: Value = (given, type) => `$${values.push(given)}::${type}`
  const conditions = [`owner_id = ${value(ownerId, 'uuid')}`, ...filtersOf(page, value), ...stretch(value)]
  // Metadata is written out for the rows of the page alone, also where a plan has to sort all rows of the owner.
  const text = `SELECT ${columns} FROM (
      SELECT * FROM items WHERE ${conditions.join(' AND ')}
      ORDER BY ${orders[page.sort].by} LIMIT ${value(rows, 'int')}
    ) AS items ORDER BY ${orders[page.sort].by}`
  return readRows<T>(text, values, database)
}

/** Adds a value to those of the statement, and says how the statement names it. */
type Value = (given: unknown, type: string) => string

/** The conditions of some rows that lie side by side in the index of an order. */
type IndexRange = (value: Value) => string[]

const everything: IndexRange = () => []

function filtersOf({ titleContains, createdAfter, createdBefore }: ItemPage, value: Value): string[] {
  return [
    ...(titleContains === undefined
      ? []
      : [`title ILIKE ${value(`%${escapeLike(titleContains)}%`, 'text')}`]),
    ...(createdAfter ? [`created_at > ${value(createdAfter, 'timestamptz')}`] : []),
    ...(createdBefore ? [`created_at < ${value(createdBefore, 'timestamptz')}`] : []),
  ]
}

/** Every order ends with the id, which decides between equals: so a page begins right after the one before. */
const orders = {
  created_at: {
    by: 'created_at, id',
    following: (after: Position): IndexRange[] => [
      (value) => [`(created_at, id) > (${value(after.value, 'timestamptz')}, ${value(after.id, 'uuid')})`],
    ],
    keyOf: ({ createdAt }: ListedItem) => createdAt.toISOString(),
  },
  '-created_at': {
    by: 'created_at DESC, id DESC',
    following: (after: Position): IndexRange[] => [
      (value) => [`(created_at, id) < (${value(after.value, 'timestamptz')}, ${value(after.id, 'uuid')})`],
    ],
    keyOf: ({ createdAt }: ListedItem) => createdAt.toISOString(),
  },
  item_id: {
    by: 'item_id',
    following: (after: Position): IndexRange[] => [(value) => [`item_id > ${value(after.value, 'text')}`]],
    keyOf: ({ itemId }: ListedItem) => itemId,
  },
  title: {
    by: 'title NULLS LAST, id',
    following: (after: Position): IndexRange[] =>
      after.value === null
        ? [(value) => ['title IS NULL', `id > ${value(after.id, 'uuid')}`]]
        : [
            (value) => [`(title, id) > (${value(after.value, 'text')}, ${value(after.id, 'uuid')})`],
            () => ['title IS NULL'],
          ],
    keyOf: ({ title }: ListedItem) => title,
  },
} as const

/** @param found one row more than fits, where more follow */
function toResult<T extends ListedItem>(
  found: T[],
  { limit, sort }: Pick<ItemPage, 'limit' | 'sort'>,
): FoundPage<T> {
  const { page: items, last } = cutPage(found, limit)
  return { items, next: last ? { sort, value: orders[sort].keyOf(last), id: last.id } : null }
}
