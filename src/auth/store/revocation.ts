import type { Database, Transaction } from '../../database/client.js'
import { isStorable } from '../../database/storable.js'

/** Latest expiry that is stored: the year 9999, within the range of PostgreSQL's timestamps. */
const farFuture = Date.UTC(9999, 0)

/**
 * Revokes one access token. The revocation is kept until the token would have expired.
 *
 * @param expiresAt seconds since 1970
 */
export async function revokeAccessToken(
  fingerprint: Buffer,
  expiresAt: number,
  database: Database,
): Promise<void> {
  // A token that was signed elsewhere with the shared secret may have an `exp` beyond the range of timestamps.
  const until = new Date(Math.min(expiresAt * 1000, farFuture))
  const data = { fingerprint: new Uint8Array(fingerprint), expiresAt: until }
  await database.revokedToken.createMany({ data, skipDuplicates: true })
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
