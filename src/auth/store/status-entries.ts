import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'

/** Entry of a status list as it is stored: by its ordinal. */
export interface StoredEntry {
  listId: string
  ordinal: number
}

/**
 * Stores the entry of a further access token of a login, which ends with the login: a revocation of the login waits, and then
 * finds the entry.
 *
 * @param ttlSeconds lifetime of the token
 */
export async function storeEntry(
  { listId, ordinal }: StoredEntry,
  familyId: string,
  ttlSeconds: number,
  database: Database,
): Promise<void> {
  await database.$executeRaw`
    INSERT INTO status_entries (list_id, ordinal, family_id, expires_at)
    SELECT ${listId}, ${ordinal}, id, now() + make_interval(secs => ${ttlSeconds})
    FROM token_families WHERE id = ${familyId}::uuid AND revoked_at IS NULL FOR SHARE`
}

/** Returns the seed of a list, or null if it is not stored any longer. */
export async function findSeed(listId: string, database: Database): Promise<Buffer | null> {
  const values = [listId]
  const [list] = await queryRows<{ seed: Buffer }>(
    'SELECT seed FROM status_lists WHERE id = $1',
    values,
    database,
  )
  return list?.seed ?? null
}
