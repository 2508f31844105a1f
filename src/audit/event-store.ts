import { createHash } from 'node:crypto'
import type { Static } from 'typebox'
import type { Database } from '../database/client.js'
import { clock, newId } from '../database/new-id.js'
import { type QueryTarget, queryRows } from '../database/query.js'
import type { NewAuditEvent } from './event.js'
import type { AuditEvent } from './event-schema.js'

/** Maximum number of rows per hour for deduplicated events of one action about one user, or about no known user. */
const maxRowsPerHour = 20

/** A stored event. */
export interface StoredEvent {
  id: string
  action: string
  outcome: string
  actor: string | null
  subject: string | null
  userId: string | null
  address: string | null
  requestId: string | null
  count: number
  createdAt: Date
  lastAt: Date
}

/** A page of the list of events, which is sorted from newest to oldest. */
export interface EventPage {
  /** Maximum number of events. */
  limit: number
  /** Id of the event that the page begins after. */
  before?: string | undefined
  /** Id that the events come after. */
  after?: string | undefined
  userId?: string | undefined
  action?: string | undefined
  subject?: string | undefined
}

/**
 * Records an event. Failures and requests for a new password, which strangers can cause endlessly, are deduplicated:
 * the first row of an hour counts the events that differ from it only in their time. From `maxRowsPerHour` rows with
 * different addresses on, one row without an address counts the rest. So no number of addresses can push other events
 * off a user's list. Hours are those of the database's clock.
 */
export async function recordEvent(event: NewAuditEvent, target: QueryTarget): Promise<void> {
  const { action, outcome, actor, subject, userId, address, requestId } = event
  const values = [action, outcome, actor, subject, userId, address, requestId]
  if (outcome === 'ok' && action !== 'password_reset_requested') {
    await queryRows(singleEvent, values, target)
    return
  }
  const what = [action, outcome, actor, subject, userId]
  // Requests for a new password share one row per user, whatever the address.
  const ignoresAddress = action === 'password_reset_requested' && userId !== null
  const own = digestOf([...what, ignoresAddress ? null : address])
  const overflow = digestOf([...what, 'overflow'])
  await queryRows(repeatableEvent, [...values, own, overflow, maxRowsPerHour], target)
}

const singleEvent = `
  INSERT INTO events (id, action, outcome, actor, subject, user_id, address, request_id)
  SELECT ${newId}, $1, $2, $3, $4, $5::uuid, $6, $7
  FROM ${clock}`

/** Lowest id of the hour. */
const firstIdOfHour = `(
  encode(substring(int8send(hour * 3600000) FROM 3), 'hex') || '00000000000000000000'
)::uuid`

/** The same for users and for nobody, so that it does not show whether an address has an account. */
const repeatableEvent = `
  INSERT INTO events AS repeated (id, action, outcome, actor, subject, user_id, address, request_id, fold_key)
  SELECT ${newId}, $1::varchar, $2, $3, $4, $5::uuid, CASE WHEN has_row THEN $6 END, CASE WHEN has_row THEN $7 END,
    CASE WHEN has_row THEN own_key ELSE overflow_key END
  FROM ${clock}, LATERAL (
    SELECT sha256($8::bytea || int8send(hour)) AS own_key, sha256($9::bytea || int8send(hour)) AS overflow_key
  ) AS keys, LATERAL (
    SELECT EXISTS (SELECT FROM events WHERE fold_key = own_key) OR (
      SELECT count(*) < $10::int FROM events
      WHERE (user_id = $5::uuid OR ($5::uuid IS NULL AND user_id IS NULL))
        AND id >= ${firstIdOfHour} AND action = $1::varchar AND fold_key IS NOT NULL
    ) AS has_row
  ) AS room
  ON CONFLICT (fold_key) DO UPDATE SET count = repeated.count + 1, last_at = greatest(repeated.last_at, now())`

/** Records that users were created by the command line. */
export async function recordCreatedUsers(
  users: { id: string; username: string }[],
  target: QueryTarget,
): Promise<void> {
  await queryRows(createdUsers, [users.map(({ id }) => id), users.map(({ username }) => username)], target)
}

const createdUsers = `
  INSERT INTO events (id, action, outcome, actor, subject, user_id)
  SELECT ${newId}, 'user_created', 'ok', 'cli', created.username, created.id
  FROM unnest($1::uuid[], $2::text[]) AS created (id, username), ${clock}`

/** Returns events from newest to oldest. Of the filters only those that are given are part of the statement, so that it can use an index. */
export async function listEvents(
  { limit, before, after, userId, action, subject }: EventPage,
  database: Database,
): Promise<StoredEvent[]> {
  const filters = [
    { condition: 'id <', value: before },
    { condition: 'id >', value: after },
    { condition: 'user_id =', value: userId },
    { condition: 'action =', value: action },
    { condition: 'subject =', value: subject },
  ].filter(({ value }) => value !== undefined)
  const conditions = filters.map(({ condition }, index) => `${condition} $${index + 2}`)
  const where = conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''
  const text = `SELECT ${eventColumns} FROM events ${where} ORDER BY id DESC LIMIT $1::int`
  return queryRows<StoredEvent>(text, [limit, ...filters.map(({ value }) => value)], database)
}

/** Columns of a stored event. */
export const eventColumns = `
  id, action, outcome, actor, subject, user_id AS "userId", address, request_id AS "requestId", count, created_at AS "createdAt",
  last_at AS "lastAt"`

function digestOf(parts: unknown[]): Buffer {
  return createHash('sha256').update(JSON.stringify(parts)).digest()
}

/** Returns an event as administrators see it. */
export function toAuditEvent(event: StoredEvent): Static<typeof AuditEvent> {
  return {
    id: event.id,
    action: event.action,
    outcome: event.outcome as 'ok' | 'failed',
    actor: event.actor,
    subject: event.subject,
    address: event.address,
    request_id: event.requestId,
    count: event.count,
    created_at: event.createdAt.toISOString(),
    last_at: event.lastAt.toISOString(),
  }
}
