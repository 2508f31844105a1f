import type { Database } from '../database/client.js'
import { escapeLike } from '../database/like.js'
import { readRows } from '../database/query.js'
import type { Position } from '../http/cursor.js'
import { cutPage } from '../http/page.js'
import type { Owner, StoredItem } from './item-store.js'

/** The page of a list to read. */
export interface ItemPage {
  limit: number
  sort: keyof typeof orders
  /** Position of the last item of the page before. */
  after?: Position | null | undefined
  titleContains?: string | undefined
  createdAfter?: Date | undefined
  createdBefore?: Date | undefined
}

/** The items of a page, in order, and the position of the last one if more follow. */
export interface FoundPage<T> {
  items: T[]
  next: Position | null
}

/** Members of an item that a list shows, and those that make up its position. */
export type ListedItem = Pick<StoredItem, 'id' | 'itemId' | 'title' | 'createdAt'>

/** An item whose metadata is JSON text: parsed metadata of many small values takes far more time and memory. */
export type DetailedItem = Omit<StoredItem, 'ownerId' | 'metadata'> & { metadata: string }

/** The parts of the database that reading takes. */
export type Reader = Pick<Database, 'readPool' | 'nameStatement' | 'poolSize' | 'sharding'>

/** The columns of a listed item. */
export const listed = 'id, item_id AS "itemId", title, created_at AS "createdAt"'
const detailed = `${listed}, description, metadata::text AS metadata, version, updated_at AS "updatedAt"`

/** Reads a page of one owner's items, as lists show them. */
export function findListedItems(
  owner: Owner,
  page: ItemPage,
  database: Reader,
): Promise<FoundPage<ListedItem>> {
  return findPage<ListedItem>(listed, owner, page, database)
}

/** Reads a page of one owner's items with all their content. */
export function findDetailedItems(
  owner: Owner,
  page: ItemPage,
  database: Reader,
): Promise<FoundPage<DetailedItem>> {
  return findPage<DetailedItem>(detailed, owner, page, database)
}

/** Returns the page that a query found. @param found one row more than the limit if more follow */
export function toResult<T extends ListedItem>(
  found: T[],
  { limit, sort }: Pick<ItemPage, 'limit' | 'sort'>,
): FoundPage<T> {
  const { page: items, last } = cutPage(found, limit)
  return { items, next: last ? { sort, value: orders[sort].keyOf(last), id: last.id } : null }
}

/** Reads the rows after a position. They may lie in several ranges of an index, which are read in turn until the page is full. */
async function findPage<T extends ListedItem>(
  columns: string,
  owner: Owner,
  page: ItemPage,
  database: Reader,
): Promise<FoundPage<T>> {
  const found: T[] = []
  const ranges = page.after ? orders[page.sort].following(page.after) : [everything]
  for (const range of ranges) {
    const missing = page.limit + 1 - found.length
    if (missing > 0) found.push(...(await readRange<T>(columns, owner, page, range, missing, database)))
  }
  return toResult(found, page)
}

function readRange<T extends ListedItem>(
  columns: string,
  { id: ownerId }: Owner,
  page: ItemPage,
  range: IndexRange,
  rows: number,
  database: Reader,
): Promise<T[]> {
  const values: unknown[] = []
  const parameter: Parameter = (value, type) => `$${values.push(value)}::${type}`
  const conditions = [
    `owner_id = ${parameter(ownerId, 'uuid')}`,
    ...filtersOf(page, parameter),
    ...range(parameter),
  ]
  // The subquery keeps PostgreSQL from converting the metadata of all the owner's rows where a plan has to sort them.
  const text = `SELECT ${columns} FROM (
      SELECT * FROM items WHERE ${conditions.join(' AND ')}
      ORDER BY ${orders[page.sort].by} LIMIT ${parameter(rows, 'int')}
    ) AS items ORDER BY ${orders[page.sort].by}`
  return readRows<T>(text, values, database)
}

/** Adds a value to the parameters of the statement, and returns the placeholder for it. */
type Parameter = (value: unknown, type: string) => string

/** Returns the conditions of rows that are adjacent in the index of an order. */
type IndexRange = (parameter: Parameter) => string[]

const everything: IndexRange = () => []

function filtersOf({ titleContains, createdAfter, createdBefore }: ItemPage, parameter: Parameter): string[] {
  const filters: string[] = []
  if (titleContains !== undefined)
    filters.push(`title ILIKE ${parameter(`%${escapeLike(titleContains)}%`, 'text')}`)
  if (createdAfter) filters.push(`created_at > ${parameter(createdAfter, 'timestamptz')}`)
  if (createdBefore) filters.push(`created_at < ${parameter(createdBefore, 'timestamptz')}`)
  return filters
}

/** The sort orders. Each ends with a unique column, so that a page begins exactly where the one before ended. */
const orders = {
  created_at: {
    by: 'created_at, id',
    following: ({ value, id }: Position): IndexRange[] => [
      (parameter) => [`(created_at, id) > (${parameter(value, 'timestamptz')}, ${parameter(id, 'uuid')})`],
    ],
    keyOf: ({ createdAt }: ListedItem) => createdAt.toISOString(),
  },
  '-created_at': {
    by: 'created_at DESC, id DESC',
    following: ({ value, id }: Position): IndexRange[] => [
      (parameter) => [`(created_at, id) < (${parameter(value, 'timestamptz')}, ${parameter(id, 'uuid')})`],
    ],
    keyOf: ({ createdAt }: ListedItem) => createdAt.toISOString(),
  },
  item_id: {
    by: 'item_id',
    following: ({ value }: Position): IndexRange[] => [
      (parameter) => [`item_id > ${parameter(value, 'text')}`],
    ],
    keyOf: ({ itemId }: ListedItem) => itemId,
  },
  title: {
    by: 'title NULLS LAST, id',
    following: ({ value, id }: Position): IndexRange[] =>
      value === null
        ? [(parameter) => ['title IS NULL', `id > ${parameter(id, 'uuid')}`]]
        : [
            (parameter) => [`(title, id) > (${parameter(value, 'text')}, ${parameter(id, 'uuid')})`],
            () => ['title IS NULL'],
          ],
    keyOf: ({ title }: ListedItem) => title,
  },
} as const
