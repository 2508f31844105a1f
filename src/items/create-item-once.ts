import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { Database } from '../database/client.js'
import { type OnceResult, once } from '../http/idempotency.js'
import { createItem, etagOf, toItemDetail } from './item.js'
import type { ItemDetail, NewItem } from './item-schema.js'

/** The response to a POST, in the form in which it is stored under its `Idempotency-Key`. */
interface CreatedItem {
  etag: string
  whole: Static<typeof ItemDetail>
}

/**
 * Adds an item, or returns the stored response if the request repeats an earlier one.
 *
 * @param key the `Idempotency-Key`, if there is one
 * @throws ServiceError `item_exists`, InvalidInput
 */
export async function createItemOnce(
  { owner, callerSubject: subject }: FastifyRequest,
  body: Static<typeof NewItem>,
  key: string | undefined,
  database: Database,
): Promise<OnceResult<CreatedItem>> {
  const repeatable = { subject, key, ownerId: owner.id, content: [owner.id, body] }
  return once(repeatable, database, async function create(transaction): Promise<CreatedItem> {
    const item = await createItem(owner, body, transaction)
    return { etag: etagOf(item), whole: toItemDetail(owner, item) }
  })
}
