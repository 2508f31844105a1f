import type { StatusClaim } from '../access-token.js'
import type { AuthContext } from '../context.js'
import type { Target } from '../resources/target.js'
import type { BlockHolder } from '../store/status-blocks.js'
import { findSeed, type StoredEntry } from '../store/status-entries.js'
import { createPermutation } from './permutation.js'
import type { StatusEntry } from './supply.js'
import { idOf, uriOf } from './uri.js'

/**
 * Takes the entry of a new token, or null where tokens have no status.
 *
 * @throws OutdatedHolder
 */
export async function takeEntry(
  holder: BlockHolder & { resource: Target },
  { statusAllocator, config }: Pick<AuthContext, 'statusAllocator' | 'config'>,
): Promise<StatusEntry | null> {
  return (
    statusAllocator?.take(holder, holder.resource?.tokenTtlSeconds ?? config.accessTokenTtlSeconds) ?? null
  )
}

/** Returns the claim of a token with this entry; nothing without one. */
export function statusOf(
  entry: StatusEntry | null,
  { config: { issuer } }: Pick<AuthContext, 'config'>,
): { status?: StatusClaim } {
  return entry ? { status: { status_list: { idx: entry.index, uri: uriOf(issuer, entry.listId) } } } : {}
}

/** Returns the entry that a token of this service names, or null if it names none, or its list is not stored any longer. */
export async function findEntry(
  status: StatusClaim | undefined,
  { database, config: { issuer } }: Pick<AuthContext, 'database' | 'config'>,
): Promise<StoredEntry | null> {
  const { uri = '', idx = 0 } = status?.status_list ?? {}
  const listId = idOf(issuer, uri)
  const seed = listId && (await findSeed(listId, database))
  return listId && seed ? { listId, ordinal: createPermutation(seed).ordinalOf(idx) } : null
}
