import { lowestId } from '../../database/lowest-id.js'
import { type QueryTarget, queryRows } from '../../database/query.js'
import { isDeadLetter } from '../lease.js'
import { isMessageTo } from './webhook-store.js'

/** A message to a webhook, as operators see it. */
export interface Delivery {
  id: string
  webhook: string
  action: string
  /** `pending` has further attempts; `dead` has none. */
  state: 'pending' | 'delivered' | 'dead'
  /** Number of attempts since the message was written or retried. */
  attempts: number
  createdAt: Date
  nextAttemptAt: Date | null
  deliveredAt: Date | null
  lastFailure: string | null
}

/** Maximum number of messages that one statement changes. */
const batchRows = 1_000

/**
 * Returns messages from newest to oldest.
 *
 * @param webhook name of their webhook, or null for all webhooks
 */
export function listDeliveries(
  { webhook, onlyDead, limit }: { webhook: string | null; onlyDead: boolean; limit: number },
  database: QueryTarget,
): Promise<Delivery[]> {
  return queryRows(deliveries, [webhook, onlyDead, limit], database)
}

const deliveries = `
  SELECT outbox.id, name AS webhook, payload ->> 'action' AS action,
    CASE WHEN delivered_at IS NOT NULL THEN 'delivered' WHEN next_attempt_at IS NULL THEN 'dead' ELSE 'pending' END AS state,
    attempts, outbox.created_at AS "createdAt", next_attempt_at AS "nextAttemptAt", delivered_at AS "deliveredAt",
    last_failure AS "lastFailure"
  FROM webhooks JOIN outbox ON ${isMessageTo('webhooks.id')}
  WHERE ($1::varchar IS NULL OR name = $1) AND (NOT $2::boolean OR ${isDeadLetter})
  ORDER BY outbox.created_at DESC, outbox.id LIMIT $3::int`

/**
 * Makes dead letters of a webhook pending again, for another 24 hours of attempts. It goes through them in the order of their ids: one
 * that soon becomes a dead letter again is not retried twice.
 *
 * @param messageId id of one of them, or null for all
 * @returns the number of messages that are pending again
 */
export async function retryDeadLetters(
  webhookId: string,
  messageId: string | null,
  database: QueryTarget,
): Promise<number> {
  let count = 0
  for (let after: string | undefined = lowestId; after !== undefined; ) {
    const retried: { id: string }[] = await queryRows(retry, [webhookId, messageId, after], database)
    count += retried.length
    after = retried.at(-1)?.id
  }
  return count
}

const retry = `
  WITH batch AS (
    SELECT id FROM outbox
    WHERE ${isMessageTo('$1')} AND ${isDeadLetter} AND ($2::uuid IS NULL OR id = $2) AND id > $3::uuid
    ORDER BY id LIMIT ${batchRows} FOR UPDATE
  ), retried AS (
    UPDATE outbox SET attempts = 0, next_attempt_at = now(), gives_up_at = now() + interval '1 day',
      expires_at = greatest(expires_at, now() + interval '2 days')
    WHERE id IN (SELECT id FROM batch)
  ), announced AS (
    SELECT pg_notify('latchkey_changes', 'outbox:webhook')
  )
  SELECT id FROM batch, announced ORDER BY id`
