import { createHash } from 'node:crypto'
import type { Database, Transaction } from '../database/client.js'
import { InvalidInput, ServiceError } from '../errors.js'

/** Time for which a response is kept (hours). */
const keptForHours = 24

/** A request that its client may repeat. */
export interface RepeatableRequest {
  /** Subject of the caller. Keys of different callers are independent. */
  subject: string
  /** The `Idempotency-Key`, if there is one. */
  key: string | undefined
  /** The user whose data the result contains: it is deleted together with the user. */
  ownerId: string
  /** Everything that distinguishes this request from others of the caller. */
  content: unknown
}

/** The result of an action, and whether it is that of an earlier request. */
export interface OnceResult<T> {
  result: T
  isReplayed: boolean
}

/**
 * Performs an action once for each key. The same request with the same key, sent again within 24 hours, returns the
 * result of the first; of two concurrent ones, the second waits for the first. An action that throws does not use the
 * key up. Without a key the action is always performed.
 *
 * @throws InvalidInput if the key was used with another request
 * @throws ServiceError `invalid_token` if the caller has been deleted
 */
export async function once<T extends object>(
  { subject, key, ownerId, content }: RepeatableRequest,
  database: Database,
  action: (transaction: Transaction) => Promise<T>,
): Promise<OnceResult<T>> {
  if (key === undefined) return { result: await database.$transaction(action), isReplayed: false }
  const requestDigest = createHash('sha256').update(JSON.stringify(content)).digest()
  return database.$transaction(async (transaction) => {
    // A single statement: it waits for a deletion of the caller before it locks a row for which the deletion would wait.
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
      return { result: earlier.answer as T, isReplayed: true }
    }
    const result = await action(transaction)
    await transaction.idempotencyKey.update({ where, data: { answer: result } })
    return { result, isReplayed: false }
  })
}
