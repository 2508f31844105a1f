import { createHash } from 'node:crypto'
import type { Static } from 'typebox'
import { sql, type Transaction } from '../database/client.js'
import { clock, newId } from '../database/new-id.js'
import type { NewAuditEvent } from './event.js'
import type { AuditEvent } from './event-schema.js'

/** Maximum number of rows per hour for deduplicated events of one action about one user, or about no known user. */
const maxRowsPerHour = 20

/** A stored event. */
export type StoredEvent = Awaited<ReturnType<typeof listEvents>>[number]

/** A page of the list of events, which is sorted from newest to oldest. */
export interface EventPage {
  /** Maximum number of events. */
  limit: number
  /** Id of the event that the page begins after. */
  before?: string | undefined
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
export async function recordEvent(event: NewAuditEvent, database: Transaction): Promise<void> {
  const { action, outcome, actor, subject, userId, address, requestId } = event
  if (outcome === 'ok' && action !== 'password_reset_requested') {
    await database.$executeRaw`
      INSERT INTO events (id, action, outcome, actor, subject, user_id, address, request_id)
      SELECT ${newId}, ${action}, ${outcome}, ${actor}, ${subject}, ${userId}::uuid, ${address}, ${requestId}
      FROM ${clock}`
    return
  }
  const what = [action, outcome, actor, subject, userId]
  // Requests for a new password share one row per user, whatever the address.
  const ignoresAddress = action === 'password_reset_requested' && userId !== null
  const own = digestOf([...what, ignoresAddress ? null : address])
  const overflow = digestOf([...what, 'overflow'])
  await database.$executeRaw`
    INSERT INTO events AS repeated (id, action, outcome, actor, subject, user_id, address, request_id, fold_key)
    SELECT ${newId}, ${action}, ${outcome}, ${actor}, ${subject}, ${userId}::uuid,
      CASE WHEN has_row THEN ${address} END, CASE WHEN has_row THEN ${requestId} END,
      CASE WHEN has_row THEN own_key ELSE overflow_key END
    FROM ${clock}, LATERAL (
      SELECT sha256(${own}::bytea || int8send(hour)) AS own_key,
        sha256(${overflow}::bytea || int8send(hour)) AS overflow_key
    ) AS keys, LATERAL (
      SELECT EXISTS (SELECT FROM events WHERE fold_key = own_key) OR (
        SELECT count(*) < ${maxRowsPerHour} FROM events
        WHERE (user_id = ${userId}::uuid OR (${userId}::uuid IS NULL AND user_id IS NULL))
          AND id >= ${firstIdOfHour} AND action = ${action} AND fold_key IS NOT NULL
      ) AS has_row
    ) AS room
    ON CONFLICT (fold_key) DO UPDATE SET count = repeated.count + 1, last_at = greatest(repeated.last_at, now())`
}

/** Records that users were created by the command line. */
export async function recordCreatedUsers(
  users: { id: string; username: string }[],
  database: Transaction,
): Promise<void> {
  const ids = users.map(({ id }) => id)
  const usernames = users.map(({ username }) => username)
  await database.$executeRaw`
    INSERT INTO events (id, action, outcome, actor, subject, user_id)
    SELECT ${newId}, 'user_created', 'ok', 'cli', created.username, created.id
    FROM unnest(${ids}::uuid[], ${usernames}::text[]) AS created (id, username), ${clock}`
}

/** Lowest id of the hour. */
const firstIdOfHour = sql`(
  encode(substring(int8send(hour * 3600000) FROM 3), 'hex') || '00000000000000000000'
)::uuid`

/** Returns events from newest to oldest. */
export async function listEvents(
  { limit, before, userId, action, subject }: EventPage,
  database: Transaction,
) {
  return database.event.findMany({
    where: {
      ...(before !== undefined && { id: { lt: before } }),
      ...(userId !== undefined && { userId }),
      ...(action !== undefined && { action }),
      ...(subject !== undefined && { subject }),
    },
    orderBy: { id: 'desc' },
    take: limit,
  })
}

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
