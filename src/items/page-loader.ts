import DataLoader from 'dataloader'
import { createWaitingSpans } from '../tracing/waiting-spans.js'
import { type FirstPage, readFirstPages, type WantedPage } from './first-pages.js'
import { type FoundPage, findListedItems, type ItemPage, type ListedItem, type Reader } from './item-pages.js'
import type { Owner } from './item-store.js'

/** Maximum number of first pages that are read together. */
const maxBatchSize = 50

/** Requests for the same page share one read until it starts. Later requests start another, so none sees older rows. */
const sharing = { cacheKeyFn: keyOf, batchScheduleFn: setImmediate }

/**
 * Creates a function that reads pages, combining the reads of one turn of the event loop: equal pages are read once, and
 * all first pages in the default order together. Each result was read after it was requested. Where items are divided by
 * owner, no page waits for the first page of another owner.
 */
export function createPageLoader(database: Reader) {
  const waiting = createWaitingSpans(keyOf)
  const reading = () => ({ name: 'read pages' })

  const firstPages = new DataLoader<WantedPage, FirstPage, string>(
    function readTogether(wanted) {
      firstPages.clearAll()
      return waiting.run(wanted, reading, () => readFirstPages(wanted, database))
    },
    { ...sharing, maxBatchSize },
  )
  const otherPages = new DataLoader<WantedPage, FoundPage<ListedItem>, string>(
    function readAlone(wanted) {
      otherPages.clearAll()
      const read = ({ owner, page }: WantedPage) => findListedItems(owner, page, database)
      return waiting.run(wanted, reading, () => Promise.all(wanted.map(read)))
    },
    // Pages in a batch would all wait for the slowest.
    { ...sharing, batch: false },
  )
  return async function loadPage(owner: Owner, page: ItemPage): Promise<FoundPage<ListedItem>> {
    const wanted = { owner, page }
    waiting.add(wanted)
    return (isFirstPage(page) ? firstPages : otherPages).load(wanted)
  }
}

function keyOf({ owner, page }: WantedPage): string {
  return JSON.stringify([owner.id, page])
}

/** Returns whether a page is the first one of an owner's items, in the default order and without filters. */
function isFirstPage({ sort, after, titleContains, createdAfter, createdBefore }: ItemPage): boolean {
  return sort === 'created_at' && !after && titleContains === undefined && !createdAfter && !createdBefore
}
