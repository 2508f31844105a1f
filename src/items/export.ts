import type { Database } from '../database/client.js'
import { stringifyItem } from './item.js'
import { type DetailedItem, type FoundPage, findDetailedItems, type ItemPage } from './item-pages.js'
import type { Owner } from './item-store.js'

/** Number of items that an export reads at a time: about 1.5 MB at their maximum size. */
const exportRows = 20

/**
 * Returns all items of an owner, the oldest first, as chunks of complete lines of JSON. It resolves after the first read, so that a
 * failure of that one can be the response.
 */
export async function exportLines(owner: Owner, database: Database): Promise<AsyncGenerator<string>> {
  return toLines(owner, await readPage(owner, undefined, database), database)
}

async function* toLines(
  owner: Owner,
  first: FoundPage<DetailedItem>,
  database: Database,
): AsyncGenerator<string> {
  for (let page = first; ; page = await readPage(owner, page.next, database)) {
    yield page.items.map((item) => `${stringifyItem(owner, item)}\n`).join('')
    if (!page.next) return
  }
}

function readPage(
  owner: Owner,
  after: ItemPage['after'],
  database: Database,
): Promise<FoundPage<DetailedItem>> {
  return findDetailedItems(owner, { limit: exportRows, sort: 'created_at', after }, database)
}
