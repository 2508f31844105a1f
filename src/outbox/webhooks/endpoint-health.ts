import { webhookSubject } from '../../audit/subject.js'
import { clock, newId } from '../../database/new-id.js'
import { type QueryTarget, queryRows } from '../../database/query.js'
import { isMessageTo } from './webhook-store.js'

/** Time without any success after which the next dead letter disables an endpoint (days). */
const maxFailingDays = 5

/** Records that an endpoint has accepted a message. */
export async function noteSuccess(id: string, database: QueryTarget): Promise<void> {
  await queryRows(endFailing, [id], database)
}

const endFailing = `
  UPDATE webhooks SET failing_since = NULL WHERE id = $1::uuid AND failing_since IS NOT NULL RETURNING id`

/** Records that an endpoint has not accepted a message. */
export async function noteFailure(id: string, database: QueryTarget): Promise<void> {
  await queryRows(beginFailing, [id], database)
}

const beginFailing = `
  UPDATE webhooks SET failing_since = now() WHERE id = $1::uuid AND failing_since IS NULL RETURNING id`

/** Time without an attempt at a due message after which Latchkey, and not the endpoint, is the reason for the delay (hours). */
const maxIdleHours = 1

/**
 * SQL of an UPDATE that moves `failing_since` on by the time in which messages to an endpoint were due and none was attempted, as when
 * no process ran. It is part of the statement that leases messages: after that, an attempt is under way. Of two processes that see the
 * same idle time, the second one finds another `failing_since`, and changes nothing.
 */
export const excuseIdleTime = `
  WITH failing AS MATERIALIZED (
    SELECT id, failing_since, (SELECT min(next_attempt_at) FROM outbox WHERE ${isMessageTo('failing.id')}) AS due_since
    FROM webhooks AS failing WHERE failing_since IS NOT NULL AND disabled_at IS NULL
  )
  UPDATE webhooks SET failing_since = failing.failing_since + (now() - greatest(due_since, failing.failing_since))
  FROM failing
  WHERE webhooks.id = failing.id AND webhooks.failing_since = failing.failing_since
    AND CASE WHEN due_since < now() - interval '${maxIdleHours} hours' THEN NOT EXISTS (
      SELECT FROM outbox WHERE ${isMessageTo('failing.id')} AND next_attempt_at > now()
    ) AND NOT EXISTS (
      SELECT FROM outbox
      WHERE ${isMessageTo('failing.id')} AND next_attempt_at IS NULL AND last_attempt_at > now() - interval '${maxIdleHours} hours'
    ) END`

/**
 * Disables an endpoint that has accepted nothing for days, after a message became a dead letter: a single failure after days without
 * messages is no reason. Returns whether it is disabled now.
 */
export function disableFailing(id: string, database: QueryTarget): Promise<boolean> {
  return disable(disableAsFailing, id, database)
}

/** Disables an endpoint that wants no further messages. Returns false if it was disabled before. */
export function disableGone(id: string, database: QueryTarget): Promise<boolean> {
  return disable(disableAsGone, id, database)
}

/** Executes a statement that disables an endpoint and records it. */
async function disable(statement: string, id: string, database: QueryTarget): Promise<boolean> {
  return (await queryRows(statement, [id], database)).length === 1
}

/** Returns a statement for `disable`. @param condition SQL of a condition on the webhook */
function disableStatement(reason: string, condition: string): string {
  return `
  WITH disabled AS (
    UPDATE webhooks SET disabled_at = now(), disabled_reason = '${reason}'
    WHERE id = $1::uuid AND disabled_at IS NULL AND ${condition} RETURNING name
  )
  INSERT INTO events (id, action, outcome, subject)
  SELECT ${newId}, 'webhook_disabled', 'ok', '${webhookSubject('')}' || name FROM disabled, ${clock} RETURNING id`
}

const disableAsGone = disableStatement('gone', 'true')
const disableAsFailing = disableStatement(
  'failing',
  `failing_since < now() - interval '${maxFailingDays} days'`,
)
