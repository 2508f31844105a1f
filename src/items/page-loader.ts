import { combineReads } from '../database/combined-reads.js'
import { type FirstPage, readFirstPages, type WantedPage } from './first-pages.js'
import { type FoundPage, findListedItems, type ItemPage, type ListedItem, type Reader } from './item-pages.js'
import type { Owner } from './item-store.js'

const pages = { name: 'read pages', keyOf }

/**
 * Creates a function that reads pages, combining the reads of one turn of the event loop: equal pages are read once, and
 * all first pages in the default order together. Each result was read after it was requested. Where items are divided by
 * owner, no page waits for the first page of another owner.
 */
export function createPageLoader(database: Reader) {
  const loadFirstPage = combineReads<WantedPage, Awaited<FirstPage>>({
    ...pages,
    read: (wanted) => readFirstPages(wanted, database),
  })
  const loadOtherPage = combineReads<WantedPage, FoundPage<ListedItem>>({
    ...pages,
    read: (wanted) => Promise.all(wanted.map(({ owner, page }) => findListedItems(owner, page, database))),
    // Pages in a batch would all wait for the slowest.
    maxBatchSize: 1,
  })
  return async function loadPage(owner: Owner, page: ItemPage): Promise<FoundPage<ListedItem>> {
    return (isFirstPage(page) ? loadFirstPage : loadOtherPage)({ owner, page })
  }
}

function keyOf({ owner, page }: WantedPage): string {
  return JSON.stringify([owner.id, page])
}

/** Returns whether a page is the first one of an owner's items, in the default order and without filters. */
function isFirstPage({ sort, after, titleContains, createdAfter, createdBefore }: ItemPage): boolean {
  return sort === 'created_at' && !after && titleContains === undefined && !createdAfter && !createdBefore
}
