import { createHash } from 'node:crypto'
import type { Database, Transaction } from '../database/client.js'
import { InvalidInput, ServiceError } from '../errors.js'

/** How long an answer is kept, in hours. */
const keptForHours = 24

/** A request that may be sent again without being carried out again. */
export interface RetriableRequest {
  /** Who sends it; keys of different senders have nothing to do with one another. */
  subject: string
  key: string
  /** The user whose things the answer holds: it is deleted with them. */
  ownerId: string
  /** All that makes it the request that it is. */
  content: unknown
}

/**
 * Carries out an action once for one key; the same request, sent again within 24 hours, gets the answer that was given
 * then. Of two that come at once one waits for the other. An action that throws leaves the key free.
 *
 * @throws InvalidInput when the key came with another request before
 * @throws ServiceError `invalid_token` when the sender is gone
 */
export async function once<T extends object>(
  { subject, key, ownerId, content }: RetriableRequest,
  database: Database,
  action: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  const requestDigest = createHash('sha256').update(JSON.stringify(content)).digest()
  return database.$transaction(async (transaction) => {
    // One statement, so that it waits for the caller's deletion before it holds a row that the deletion waits for.
    const claimed = await transaction.$executeRaw`
      INSERT INTO idempotency_keys AS known (subject, key, request_digest, owner_id, expires_at)
      VALUES (${subject}, ${key}, ${requestDigest}, ${ownerId}::uuid, now() + make_interval(hours => ${keptForHours}))
      ON CONFLICT (subject, key) DO UPDATE
      SET request_digest = excluded.request_digest, owner_id = excluded.owner_id, answer = NULL,
        created_at = now(), expires_at = excluded.expires_at
      WHERE known.expires_at < now()`
    const where = { subject_key: { subject, key } }
    if (claimed === 0) {
      const earlier = await transaction.idempotencyKey.findUnique({ where })
      if (!earlier) throw new ServiceError('invalid_token')
      if (!requestDigest.equals(earlier.requestDigest))
        throw new InvalidInput(
          'header',
          ['idempotency-key'],
          'reused',
          'The key was used with another request',
        )
      return earlier.answer as T
    }
    const answer = await action(transaction)
    await transaction.idempotencyKey.update({ where, data: { answer } })
    return answer
  })
}
