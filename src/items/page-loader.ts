import DataLoader from 'dataloader'
import { readRows } from '../database/query.js'
import {
  type FoundPage,
  findListedItems,
  type ItemPage,
  type ListedItem,
  listed,
  type Reader,
  toResult,
} from './item-pages.js'
import type { Owner } from './item-store.js'

/** Maximum number of pages that one statement reads. */
const maxBatchSize = 50

interface WantedPage {
  owner: Owner
  page: ItemPage
}

/** Requests for the same page share one read until it starts. Later requests start another, so none sees older rows. */
const sharing = {
  cacheKeyFn: ({ owner, page }: WantedPage) => JSON.stringify([owner.id, page]),
  batchScheduleFn: setImmediate,
}

/**
 * Creates a function that reads pages, combining the reads of one turn of the event loop: equal pages are read once, and
 * all first pages in the default order by one statement. Each result was read after it was requested.
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
      return Promise.all(wanted.map(({ owner, page }) => findListedItems(owner, page, database)))
    },
    // Pages in a batch would all wait for the slowest.
    { ...sharing, batch: false },
  )
  return function loadPage(owner: Owner, page: ItemPage): Promise<FoundPage<ListedItem>> {
    return (isFirstPage(page) ? firstPages : otherPages).load({ owner, page })
  }
}

/** Returns whether a page is the first one of an owner's items, in the default order and without filters. */
function isFirstPage({ sort, after, titleContains, createdAfter, createdBefore }: ItemPage): boolean {
  return sort === 'created_at' && !after && titleContains === undefined && !createdAfter && !createdBefore
}

async function readFirstPages(
  wanted: readonly WantedPage[],
  database: Reader,
): Promise<FoundPage<ListedItem>[]> {
  const ownerIds = wanted.map(({ owner }) => owner.id)
  const limits = wanted.map(({ page }) => page.limit + 1)
  const rows = await readRows<ListedItem & { place: number }>(firstPagesOf, [ownerIds, limits], database)
  const found = wanted.map((): ListedItem[] => [])
  for (const { place, ...item } of rows) (found[place - 1] as ListedItem[]).push(item)
  return wanted.map(({ page }, i) => toResult(found[i] as ListedItem[], page))
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
