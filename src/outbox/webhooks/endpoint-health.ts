import { webhookSubject } from '../../audit/subject.js'
import { clock, newId } from '../../database/new-id.js'
import { type QueryTarget, queryRows } from '../../database/query.js'

/** Time without any success after which the next dead letter disables an endpoint (days). */
const maxFailingDays = 5

/** Records that an endpoint has taken a message. */
export async function noteSuccess(id: string, database: QueryTarget): Promise<void> {
  await queryRows(succeeded, [id], database)
}

const succeeded = `
  UPDATE webhooks SET failing_since = NULL WHERE id = $1::uuid AND failing_since IS NOT NULL RETURNING id`

/** Records that an endpoint has not taken a message. */
export async function noteFailure(id: string, database: QueryTarget): Promise<void> {
  await queryRows(failed, [id], database)
}

const failed = `
  UPDATE webhooks SET failing_since = now() WHERE id = $1::uuid AND failing_since IS NULL RETURNING id`

/**
 * Disables an endpoint that has taken nothing for days, after a message became a dead letter: a single failure after days without
 * messages is no reason. Returns whether it is disabled now.
 */
export function disableFailing(id: string, database: QueryTarget): Promise<boolean> {
  return disable(failing, id, database)
}

/** Disables an endpoint that wants no further messages. Returns false if it was disabled before. */
export function disableGone(id: string, database: QueryTarget): Promise<boolean> {
  return disable(gone, id, database)
}

/** Executes a statement that disables an endpoint and records it. */
async function disable(statement: string, id: string, database: QueryTarget): Promise<boolean> {
  return (await queryRows(statement, [id], database)).length === 1
}

function disabling(reason: string, condition: string): string {
  return `
  WITH disabled AS (
    UPDATE webhooks SET disabled_at = now(), disabled_reason = '${reason}'
    WHERE id = $1::uuid AND disabled_at IS NULL AND ${condition} RETURNING name
  )
  INSERT INTO events (id, action, outcome, subject)
  SELECT ${newId}, 'webhook_disabled', 'ok', '${webhookSubject('')}' || name FROM disabled, ${clock} RETURNING id`
}

const gone = disabling('gone', 'true')
const failing = disabling('failing', `failing_since < now() - interval '${maxFailingDays} days'`)
