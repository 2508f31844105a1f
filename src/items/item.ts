import { randomUUID } from 'node:crypto'
import type { Static } from 'typebox'
import type { Database, Transaction } from '../database/client.js'
import { ServiceError } from '../errors.js'
import { type Conditions, requirePreconditions } from '../http/etag.js'
import { mergePatch } from '../http/json/merge-patch.js'
import type { ItemContent as GivenContent, ItemDetail, ItemPatch, NewItem } from './item-schema.js'
import {
  addItem,
  findItem,
  type ItemContent,
  type Owner,
  removeItem,
  replaceItem,
  type StoredItem,
} from './item-store.js'
import { checkMetadata } from './metadata.js'
import { findItemOnReplica } from './reads.js'

/** So often a change is tried again because another one came first. */
const attempts = 5

/** What a change depends on: the request's headers, and whether it has to bring some. */
export interface ChangeConditions {
  headers: Conditions
  isRequired: boolean
}

/** An item as the world sees it. */
export type ItemDetailBody = Static<typeof ItemDetail>

/** The entity tag of an item: another one for each version, and for another item of the same id. */
export function etagOf({ id, version }: Pick<StoredItem, 'id' | 'version'>): string {
  return `"${id}.${version}"`
}

/** The item of one owner. @throws ServiceError `not_found`, whether it is absent or somebody else's */
export async function requireItem(owner: Owner, itemId: string, database: Database): Promise<StoredItem> {
  const item = await findItemOnReplica(owner, itemId, database)
  if (!item) throw new ServiceError('not_found')
  return item
}

/** Adds an item. @throws ServiceError `item_exists`, InvalidInput */
export async function createItem(
  owner: Owner,
  { item_id: itemId = randomUUID(), ...given }: Static<typeof NewItem>,
  database: Transaction,
): Promise<StoredItem> {
  const added = await addItem(owner, itemId, toContent(given), database)
  if (!added) throw new ServiceError('item_exists')
  return added
}

/** Replaces an item, or adds it. @throws ServiceError `precondition_failed`, `conflict`, InvalidInput */
export async function putItem(
  owner: Owner,
  itemId: string,
  given: Static<typeof GivenContent>,
  conditions: ChangeConditions,
  database: Transaction,
): Promise<StoredItem> {
  const content = toContent(given)
  return change(owner, itemId, conditions, database, (current) =>
    current ? replaceItem(owner, current, content, database) : addItem(owner, itemId, content, database),
  )
}

/** Merges a patch into an item. @throws ServiceError `not_found`, `precondition_failed`, `conflict`, InvalidInput */
export async function patchItem(
  owner: Owner,
  itemId: string,
  patch: Static<typeof ItemPatch>,
  conditions: ChangeConditions,
  database: Transaction,
): Promise<StoredItem> {
  return change(owner, itemId, conditions, database, async (current) => {
    if (!current) throw new ServiceError('not_found')
    const { title, description, metadata } = current
    const merged = mergePatch({ title, description, metadata }, patch) as Static<typeof GivenContent>
    return replaceItem(owner, current, toContent(merged), database)
  })
}

/** Removes an item. @throws ServiceError `not_found`, `precondition_failed`, `conflict` */
export async function deleteItem(
  owner: Owner,
  itemId: string,
  conditions: ChangeConditions,
  database: Transaction,
): Promise<void> {
  await change(owner, itemId, conditions, database, async (current) => {
    if (!current) throw new ServiceError('not_found')
    return (await removeItem(owner, current, database)) ? current : null
  })
}

/** How the world sees an item. */
export function toItemDetail(owner: Owner, item: Omit<StoredItem, 'ownerId'>): ItemDetailBody {
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

/** What there is to say of an item, where it says nothing too. @throws InvalidInput */
export function toContent({ title = null, description = null, metadata = {} }: Nullable): ItemContent {
  checkMetadata(metadata)
  return { title, description, metadata }
}

type Nullable = { title?: string | null; description?: string | null; metadata?: Record<string, unknown> }

/** Reads, checks and writes; where the write finds that another one came in between, it starts again. */
async function change(
  owner: Owner,
  itemId: string,
  { headers, isRequired }: ChangeConditions,
  database: Transaction,
  write: (current: StoredItem | null) => Promise<StoredItem | null>,
): Promise<StoredItem> {
  for (let attempt = 0; attempt < attempts; attempt++) {
    const current = await findItem(owner, itemId, database)
    requirePreconditions(headers, current && etagOf(current), isRequired)
    const written = await write(current)
    if (written) return written
  }
  throw new ServiceError('conflict')
}
