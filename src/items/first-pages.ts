import { readRows } from '../database/query.js'
import { boundConcurrency } from '../lifecycle/concurrency.js'
import {
  type FoundPage,
  type ItemPage,
  type ListedItem,
  listed,
  type Reader,
  toResult,
} from './item-pages.js'
import type { Owner } from './item-store.js'

/** A page of one owner's items that a request waits for. */
export interface WantedPage {
  owner: Owner
  page: ItemPage
}

/** A page, or the promise of one that is read by a statement of its own. */
export type FirstPage = FoundPage<ListedItem> | Promise<FoundPage<ListedItem>>

/**
 * Reads first pages in the default order, without filters, and returns them in the order in which they were wanted. Neither form
 * of the statement reads more rows of an owner than the pages need. A window function would suit both cases, but reads all rows.
 */
export async function readFirstPages(wanted: readonly WantedPage[], database: Reader): Promise<FirstPage[]> {
  const { sharding } = database
  if (await sharding.isSharded()) return readByOwner(wanted, database)
  try {
    return await readTogether(wanted, database)
  } catch (error) {
    if (!(await sharding.hasChanged(error, false))) throw error
    return readByOwner(wanted, database)
  }
}

/** Reads all pages by one statement. */
async function readTogether(
  wanted: readonly WantedPage[],
  database: Reader,
): Promise<FoundPage<ListedItem>[]> {
  const ownerIds = wanted.map(({ owner }) => owner.id)
  const limits = wanted.map(({ page }) => page.limit + 1)
  const found = await readFirstItems(ownerIds, limits, database)
  return wanted.map(({ page }, i) => toResult(found[i] as ListedItem[], page))
}

/** Returns the first items of each owner, at most as many as the limit at the same place. */
async function readFirstItems(
  ownerIds: string[],
  limits: number[],
  database: Reader,
): Promise<ListedItem[][]> {
  const rows = await readRows<ListedItem & { place: number }>(firstPagesOf, [ownerIds, limits], database)
  const found = ownerIds.map((): ListedItem[] => [])
  for (const { place, ...item } of rows) (found[place - 1] as ListedItem[]).push(item)
  return found
}

/**
 * The arrays are wrapped in subqueries: otherwise PostgreSQL plans each execution again for their lengths, which takes
 * longer than reading the rows.
 */
const firstPagesOf = `
  SELECT place::int, ${listed}
  FROM unnest((SELECT $1::uuid[]), (SELECT $2::int[])) WITH ORDINALITY AS wanted (owner, rows, place)
  CROSS JOIN LATERAL (
    SELECT * FROM items WHERE owner_id = wanted.owner ORDER BY created_at, id LIMIT wanted.rows
  ) AS items
  ORDER BY place, created_at, id`

/**
 * Reads the pages of each owner by one statement, as many at once as the pool has connections. Each page is settled when the
 * statement of its owner has ended: a server that hangs or fails affects only the owners whose items it has.
 */
function readByOwner(wanted: readonly WantedPage[], database: Reader): Promise<FoundPage<ListedItem>>[] {
  const limits = new Map<string, number>()
  for (const { owner, page } of wanted)
    limits.set(owner.id, Math.max(limits.get(owner.id) ?? 0, page.limit + 1))
  const run = boundConcurrency(database.poolSize)
  const found = new Map<string, Promise<ListedItem[]>>()
  for (const [ownerId, limit] of limits)
    found.set(
      ownerId,
      run(() => readItemsOf(ownerId, limit, database)),
    )
  return wanted.map(async function takePage({ owner, page }) {
    const items = (await found.get(owner.id)) as ListedItem[]
    return toResult(items.slice(0, page.limit + 1), page)
  })
}

async function readItemsOf(ownerId: string, limit: number, database: Reader): Promise<ListedItem[]> {
  try {
    return await readRows<ListedItem>(firstItemsOf, [ownerId, limit], database)
  } catch (error) {
    if (!(await database.sharding.hasChanged(error, true))) throw error
    const [items] = await readFirstItems([ownerId], [limit], database)
    return items as ListedItem[]
  }
}

const firstItemsOf = `
  SELECT ${listed} FROM items WHERE owner_id = $1::uuid ORDER BY created_at, id LIMIT $2::int`
