import type { Database, Transaction } from '../../database/client.js'
import { isStorable } from '../../database/storable.js'
import type { StoredEntry } from './status-entries.js'

/** Latest expiry that is stored: the year 9999, within the range of PostgreSQL's timestamps. */
const farFuture = Date.UTC(9999, 0)

/**
 * Revokes one access token. The revocation is kept until the token would have expired.
 *
 * @param expiresAt seconds since 1970
 * @param entry its entry in a status list; null without one
 */
export async function revokeAccessToken(
  fingerprint: Buffer,
  expiresAt: number,
  entry: StoredEntry | null,
  database: Database,
): Promise<void> {
  // A token that was signed elsewhere with the shared secret may have an `exp` beyond the range of timestamps.
  const until = new Date(Math.min(expiresAt * 1000, farFuture))
  await database.$executeRaw`
    WITH bit AS (
      INSERT INTO status_revocations (list_id, first)
      SELECT id, ${entry?.ordinal ?? null}::int FROM status_lists
      WHERE id = ${entry?.listId ?? null}::char(11) AND retires_at > now()
      ON CONFLICT DO NOTHING
    )
    INSERT INTO revoked_tokens (fingerprint, expires_at) VALUES (${fingerprint}, ${until}) ON CONFLICT DO NOTHING`
}

/** Revokes all tokens of a login. Returns false when the family was revoked already, or does not exist. */
export async function revokeFamily(id: string, database: Transaction): Promise<boolean> {
  const revoked = await database.$executeRaw`
    UPDATE token_families SET revoked_at = now() WHERE id = ${id}::uuid AND revoked_at IS NULL`
  return revoked === 1
}

/** Revokes all tokens of a user. Returns false when there is no such user. */
export async function revokeUserTokens(username: string, database: Transaction): Promise<boolean> {
  if (!isStorable(username)) return false
  const { count } = await database.user.updateMany({
    where: { username },
    data: { generation: { increment: 1 } },
  })
  return count === 1
}

/** Revokes all tokens that were issued to a client. Returns false when there is no such client. */
export async function revokeClientTokens(clientId: string, database: Transaction): Promise<boolean> {
  if (!isStorable(clientId)) return false
  const { count } = await database.client.updateMany({
    where: { clientId },
    data: { generation: { increment: 1 } },
  })
  return count === 1
}
