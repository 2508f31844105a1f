import type { Static } from 'typebox'
import type { Database } from '../database/client.js'
import { InvalidInput } from '../errors.js'
import { decodeCursor, encodeCursor } from '../http/cursor.js'
import { stringifyItem } from './item.js'
import { type FoundPage, findDetailedItems, type ItemPage, type ListedItem } from './item-pages.js'
import { type Item, type ItemQuery, maxDetailedItems } from './item-schema.js'
import type { Owner } from './item-store.js'
import { createPageLoader } from './page-loader.js'

/** A page of a list of items. */
interface ItemList {
  /** Detailed items are JSON text already. */
  items: Static<typeof Item>[] | string
  /** Cursor of the next page, if there is one. */
  nextCursor: string | null
}

/** Creates a function that lists one owner's items as a query asks. It throws InvalidInput for an invalid cursor or date. */
export function createItemLister(database: Database) {
  const loadPage = createPageLoader(database)

  return async function listItems(owner: Owner, query: Static<typeof ItemQuery>): Promise<ItemList> {
    const page = readPage(query)
    if (query.fields !== 'all') {
      const found = await loadPage(owner, page)
      return { items: found.items.map((item) => toItem(owner, item)), nextCursor: nextCursorOf(found) }
    }
    const limit = Math.min(page.limit, maxDetailedItems)
    const found = await findDetailedItems(owner, { ...page, limit }, database)
    const items = `[${found.items.map((item) => stringifyItem(owner, item)).join(',')}]`
    return { items, nextCursor: nextCursorOf(found) }
  }
}

/** @throws InvalidInput for an invalid cursor or date */
function readPage(query: Static<typeof ItemQuery>): ItemPage {
  const { limit, sort, cursor, title_contains: titleContains } = query
  return {
    limit,
    sort,
    titleContains,
    after: cursor === undefined ? undefined : decodeCursor(cursor, sort, sort.endsWith('created_at')),
    createdAfter: readDate('created_after', query.created_after),
    createdBefore: readDate('created_before', query.created_before),
  }
}

function readDate(name: string, text: string | undefined): Date | undefined {
  if (text === undefined) return undefined
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw new InvalidInput('query', [name], 'date', 'Not a valid date')
  return date
}

function nextCursorOf({ next }: FoundPage<unknown>): string | null {
  return next && encodeCursor(next)
}

function toItem({ username }: Owner, { itemId, title }: ListedItem): Static<typeof Item> {
  return { item_id: itemId, owner: username, ...(title !== null && { title }) }
}
