import { type QueryTarget, queryRows } from '../database/query.js'

// The transactional outbox: messages to other services are written in the transaction of their cause, and delivered at least once.
//
//  1. A process leases the messages that are due, by one statement: `next_attempt_at` moves to the end of the lease, and `attempts`
//     becomes the number of this attempt. Processes share the work, as each skips the rows that another has locked.
//  2. It makes the attempt, and settles the message: delivered, or a next attempt after a delay. If that would be after
//     `gives_up_at`, the message becomes a dead letter.
//  3. If it crashes in between, the lease ends, and the message is sent again with the same id.
//
// `attempts` and `last_attempt_at` identify a lease: an attempt that outlasts its own finds other values, and settles nothing. The number
// alone would not do, as a retry of a dead letter counts `attempts` anew.

/** Condition of messages that were given up: they have no next attempt. */
export const isDeadLetter = 'next_attempt_at IS NULL AND delivered_at IS NULL'

/** Time for an attempt and its settlement, after which another process may repeat it (seconds). */
const leaseSeconds = 60
/** Maximum number of messages to one target that a process leases at once: a single one tries out a target that has failed. */
const maxPerTarget = 8

/** An attempt to deliver a leased message. No other process makes one before the lease ends. */
export interface Attempt {
  /** Id of the message, the same in all attempts. */
  id: string
  /** Number of the attempt since the message was written or retried, the first being 1. */
  number: number
  /** Time of the lease, as text with all its digits. */
  leasedAt: string
  target: string
  payload: unknown
  /** Time of the attempt by the clock of the database (seconds since 1970). */
  at: number
}

/**
 * Leases due messages of one kind, at most `maxPerTarget` for each target, so that no target holds up the others.
 *
 * @param targets SQL of a query for the targets that accept messages: their ids, as text, and whether they have failed since a
 *   message was delivered
 * @param update SQL of an UPDATE of the targets, which is part of the same statement: it sees the messages as they are before the lease
 * @param busy ids of targets to leave out
 */
export function leaseMessages(
  kind: string,
  { targets, update }: { targets: string; update: string },
  busy: string[],
  database: QueryTarget,
): Promise<Attempt[]> {
  return queryRows(leaseStatement(targets, update), [kind, busy], database)
}

function leaseStatement(targets: string, update: string): string {
  return `
  WITH due AS (
    SELECT message.id
    FROM (${targets}) AS targets (id, failing), LATERAL (
      SELECT outbox.id FROM outbox
      WHERE kind = $1::varchar AND target = targets.id AND next_attempt_at <= now()
      ORDER BY next_attempt_at LIMIT CASE WHEN failing THEN 1 ELSE ${maxPerTarget} END FOR UPDATE SKIP LOCKED
    ) AS message
    WHERE targets.id <> ALL ($2::text[])
  ), changed AS (${update})
  UPDATE outbox SET attempts = attempts + 1, last_attempt_at = now(),
    next_attempt_at = clock_timestamp() + interval '${leaseSeconds} seconds'
  WHERE id IN (SELECT id FROM due)
  RETURNING id, attempts AS number, last_attempt_at::text AS "leasedAt", target, payload, floor(extract(epoch FROM clock_timestamp()))::float8 AS at`
}

/** Condition that no other process has leased or settled a message since an attempt began. */
const isLeaseHeld = `
  id = $1::uuid AND attempts = $2::int AND last_attempt_at = $3::timestamptz AND next_attempt_at IS NOT NULL`

/** Returns the values for `isLeaseHeld`. */
function leaseValues({ id, number, leasedAt }: Attempt): unknown[] {
  return [id, number, leasedAt]
}

/** Records that a message was delivered, if the lease still holds. */
export async function settleDelivered(attempt: Attempt, database: QueryTarget): Promise<void> {
  await queryRows(setDelivered, leaseValues(attempt), database)
}

const setDelivered = `
  UPDATE outbox SET delivered_at = now(), next_attempt_at = NULL, last_failure = NULL, expires_at = now() + interval '1 day'
  WHERE ${isLeaseHeld} RETURNING id`

/**
 * Records that an attempt failed, and plans the next one, if the lease still holds.
 *
 * @param delaySeconds time to the next attempt; Infinity for none
 * @returns whether the message is a dead letter now
 */
export async function settleFailed(
  attempt: Attempt,
  { reason, delaySeconds }: { reason: string; delaySeconds: number },
  database: QueryTarget,
): Promise<boolean> {
  const delay = Number.isFinite(delaySeconds) ? delaySeconds : null
  const values = [...leaseValues(attempt), reason.slice(0, maxReasonLength), delay]
  const [settled] = await queryRows<{ isDead: boolean }>(setFailed, values, database)
  return settled?.isDead === true
}

/** Maximum length of the reason of a failure (characters). */
const maxReasonLength = 200

const setFailed = `
  UPDATE outbox SET last_failure = $4, next_attempt_at = (
    SELECT next FROM (SELECT clock_timestamp() + make_interval(secs => $5::float8) AS next) AS plan WHERE next < gives_up_at
  )
  WHERE ${isLeaseHeld}
  RETURNING next_attempt_at IS NULL AS "isDead"`
