import { type QueryTarget, queryRows } from '../../database/query.js'
import type { webhookStates } from '../../metrics/catalogue/work.js'
import { isDeadLetter } from '../lease.js'
import { isMessageTo } from './webhook-store.js'

/** The state of a webhook, and the messages that it has not accepted. */
export interface Backlog {
  state: (typeof webhookStates)[number]
  /** Number of messages with a next attempt. A disabled webhook has none, as nothing is sent to it. */
  pending: number
  /** Age of the oldest of these (seconds); 0 without one. */
  oldestAgeSeconds: number
  /** Number of dead letters. */
  dead: number
}

/** Maximum number of pending messages, and of dead letters, that are counted for a webhook. */
const maxCount = 10_000

/** Returns the backlog of each webhook. The time that it takes is bounded, however many messages there are. */
export function readBacklogs(database: QueryTarget): Promise<Backlog[]> {
  return queryRows(backlogs, [], database)
}

const ofWebhook = isMessageTo('webhooks.id')
const isPending = `${ofWebhook} AND next_attempt_at IS NOT NULL AND disabled_at IS NULL`
const isDead = `${ofWebhook} AND ${isDeadLetter}`

const backlogs = `
  SELECT
    CASE
      WHEN disabled_reason = 'operator' THEN 'disabled'
      WHEN disabled_at IS NOT NULL THEN 'auto_disabled'
      WHEN failing_since IS NOT NULL THEN 'failing'
      ELSE 'active'
    END AS state,
    ${countUpTo(isPending)} AS pending,
    coalesce((SELECT extract(epoch FROM now() - min(created_at)) FROM outbox WHERE ${isPending}), 0)::float8 AS "oldestAgeSeconds",
    ${countUpTo(isDead)} AS dead
  FROM webhooks`

function countUpTo(condition: string): string {
  return `(SELECT count(*) FROM (SELECT FROM outbox WHERE ${condition} LIMIT ${maxCount}) AS counted)::int`
}
