import { createSearch } from '../../src/auth/status/lost-scopes.js'
import { createPermutation } from '../../src/auth/status/permutation.js'
import type { Database } from '../../src/database/client.js'
import type { RemovalBounds } from '../../src/database/removal.js'
import { query } from '../database/query.js'

/** Entry of a status list that a token names. */
export interface NamedEntry {
  listId: string
  index: number
}

/** Returns the entry that an access token names, without verifying the token; null if it names none. */
export function entryOf(token: string): NamedEntry | null {
  const payload = String(Buffer.from(String(token.split('.')[1]), 'base64url'))
  const { status } = JSON.parse(payload) as { status?: { status_list: { idx: number; uri: string } } }
  if (!status) return null
  const { idx, uri } = status.status_list
  return { listId: uri.slice(uri.lastIndexOf('/') + 1), index: idx }
}

/** Reads which of the tokens have their bits set in the database. */
export async function readRevoked(url: string, tokens: readonly string[]): Promise<boolean[]> {
  const lists = await query<{ id: string; seed: Buffer }>(url, 'SELECT id, seed FROM status_lists')
  const permutations = new Map(lists.map(({ id, seed }) => [id, createPermutation(seed)]))
  const rows = await query<{ list_id: string; first: number; count: number }>(
    url,
    'SELECT list_id, first, count FROM status_revocations',
  )
  return tokens.map(function isRevoked(token) {
    const { listId = '', index = 0 } = entryOf(token) ?? {}
    const ordinal = permutations.get(listId)?.ordinalOf(index) ?? -1
    return rows.some(
      ({ list_id, first, count }) => list_id === listId && first <= ordinal && ordinal < first + count,
    )
  })
}

/** Lets all losses of scopes be so old that no login can overlap them any more. */
export async function settleLosses(url: string): Promise<void> {
  await query(
    url,
    "UPDATE departures SET departed_at = departed_at - interval '2 minutes' WHERE kind LIKE '%lost%'",
  )
}

/** Revokes the tokens of users who have lost a scope. */
export async function revokeLostScopes(database: Database, bounds: RemovalBounds = {}): Promise<void> {
  for (const kind of ['user_lost_scope', 'scope_lost'] as const) await createSearch(kind, database, bounds)()
}
