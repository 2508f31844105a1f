import { randomUUID } from 'node:crypto'
import type { Static } from 'typebox'
import type { Database, Transaction } from '../database/client.js'
import { ServiceError } from '../errors.js'
import { type Conditions, requirePreconditions } from '../http/etag.js'
import { mergePatch } from '../http/json/merge-patch.js'
import type { DetailedItem } from './item-pages.js'
import type { ItemContent, ItemDetail, ItemPatch, NewItem } from './item-schema.js'
import {
  addItem,
  findItem,
  findItemOnReplica,
  type Owner,
  ownerExists,
  removeItem,
  replaceItem,
  type StoredContent,
  type StoredItem,
} from './item-store.js'
import { checkMetadata } from './metadata.js'

/** Maximum number of attempts at a change, where other changes of the same item come first. */
const maxAttempts = 5

/** The conditions of a change. */
export interface Preconditions {
  headers: Conditions
  /** Whether a change without any condition is refused. */
  isRequired: boolean
}

/** Returns the entity tag of an item. It differs between versions, and between items that had the same id. */
export function etagOf({ id, version }: Pick<StoredItem, 'id' | 'version'>): string {
  return `"${id}.${version}"`
}

/** Reads an item. @throws ServiceError `not_found` if the owner has no such item */
export async function requireItem(owner: Owner, itemId: string, database: Database): Promise<StoredItem> {
  const item = await findItemOnReplica(owner, itemId, database)
  if (!item) throw new ServiceError('not_found')
  return item
}

/** Adds an item. @throws ServiceError `item_exists`, InvalidInput */
export async function createItem(
  owner: Owner,
  { item_id: itemId = randomUUID(), ...content }: Static<typeof NewItem>,
  transaction: Transaction,
): Promise<StoredItem> {
  const added = await addItem(owner, itemId, toStored(content), transaction)
  if (!added) throw new ServiceError('item_exists')
  return added
}

/** Replaces an item, or adds it. @throws ServiceError `precondition_failed`, `conflict`, InvalidInput */
export async function putItem(
  owner: Owner,
  itemId: string,
  given: Static<typeof ItemContent>,
  preconditions: Preconditions,
  database: Database,
): Promise<StoredItem> {
  const content = toStored(given)
  return change(owner, itemId, preconditions, database, (current) =>
    current
      ? replaceItem(owner, current, content, database)
      : database.$transaction((transaction) => addItem(owner, itemId, content, transaction)),
  )
}

/** Merges a patch into an item. @throws ServiceError `not_found`, `precondition_failed`, `conflict`, InvalidInput */
export async function patchItem(
  owner: Owner,
  itemId: string,
  patch: Static<typeof ItemPatch>,
  preconditions: Preconditions,
  database: Database,
): Promise<StoredItem> {
  return change(owner, itemId, preconditions, database, async (current) => {
    if (!current) throw new ServiceError('not_found')
    const { title, description, metadata } = current
    const merged = mergePatch({ title, description, metadata }, patch) as Static<typeof ItemContent>
    return replaceItem(owner, current, toStored(merged), database)
  })
}

/** Deletes an item. @throws ServiceError `not_found`, `precondition_failed`, `conflict` */
export async function deleteItem(
  owner: Owner,
  itemId: string,
  preconditions: Preconditions,
  database: Database,
): Promise<void> {
  await change(owner, itemId, preconditions, database, async (current) => {
    if (!current) throw new ServiceError('not_found')
    return (await removeItem(owner, current, database)) ? current : null
  })
}

/** Returns an item as clients see it. */
export function toItemDetail(owner: Owner, item: Omit<StoredItem, 'ownerId'>): Static<typeof ItemDetail> {
  return {
    item_id: item.itemId,
    owner: owner.username,
    title: item.title,
    description: item.description,
    metadata: item.metadata as Record<string, unknown>,
    created_at: item.createdAt.toISOString(),
    updated_at: item.updatedAt.toISOString(),
    version: item.version,
  }
}

/** Returns an item as JSON text. Its metadata is included as PostgreSQL wrote it. */
export function stringifyItem(owner: Owner, item: DetailedItem): string {
  const { metadata: _, ...members } = toItemDetail(owner, { ...item, metadata: {} })
  return `${JSON.stringify(members).slice(0, -1)},"metadata":${item.metadata}}`
}

/** Returns the content to store, with defaults for what is omitted. @throws InvalidInput */
export function toStored({
  title = null,
  description = null,
  metadata = {},
}: Static<typeof ItemContent>): StoredContent {
  checkMetadata(metadata)
  return { title, description, metadata }
}

/**
 * Reads the item, checks the preconditions and writes. Starts over if the item has changed between read and write, or if its
 * owner has been deleted: then it has none.
 */
async function change(
  owner: Owner,
  itemId: string,
  { headers, isRequired }: Preconditions,
  database: Database,
  write: (current: StoredItem | null) => Promise<StoredItem | null>,
): Promise<StoredItem> {
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const mayExist = attempt === 0 || (await ownerExists(owner, database))
    const current = mayExist ? await findItem(owner, itemId, database) : null
    requirePreconditions(headers, current && etagOf(current), isRequired)
    const written = await write(current)
    if (written) return written
  }
  throw new ServiceError('conflict')
}
