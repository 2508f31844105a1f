import { createHash } from 'node:crypto'
import { sql, type Transaction } from '../database/client.js'
import type { NewAuditEvent } from './event.js'

/** Maximum number of rows per hour for folded events of one kind about one user, or about nobody known. */
const maxRowsPerHour = 20

/** An event as it is stored. */
export type StoredEvent = Awaited<ReturnType<typeof listEvents>>[number]

/** Which events to list: the newest first, so many before one. */
export interface EventPage {
  limit: number
  before?: string | undefined
  userId?: string | undefined
  action?: string | undefined
  subject?: string | undefined
}

/**
 * Records an event. Failures and requests for a new password, which strangers can cause without end, are folded: the
 * first row of an hour counts the others that differ in nothing but the time. Where more than `maxRowsPerHour` would
 * differ in the address, one row without an address counts the rest, so that no number of addresses pushes what really
 * happened off a user's list. The database's clock decides.
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
  // Of requests for a new password each user has one row, whatever the address.
  const isOneRow = action === 'password_reset_requested' && userId !== null
  const own = digestOf([...what, isOneRow ? null : address])
  const overflow = digestOf([...what, 'overflow'])
  await database.$executeRaw`
    INSERT INTO events AS folded (id, action, outcome, actor, subject, user_id, address, request_id, fold_key)
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
    ON CONFLICT (fold_key) DO UPDATE SET count = folded.count + 1, last_at = greatest(folded.last_at, now())`
}

/** The time as ids have it, in microseconds, and the hour of the transaction, both since 1970. */
const clock = sql`(
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us,
    floor(extract(epoch FROM now()) / 3600)::bigint AS hour
) AS clock`

/** A UUID of version 7 (RFC 9562 §5.7) with microseconds, by the database's clock: events are listed by their ids. */
const newId = sql`encode(
  substring(int8send(us / 1000) FROM 3) || int2send((28672 + us % 1000 * 4096 / 1000)::int2)
    || substring(uuid_send(gen_random_uuid()) FROM 9),
  'hex'
)::uuid`

/** No id of the hour is less. */
const firstIdOfHour = sql`(
  encode(substring(int8send(hour * 3600000) FROM 3), 'hex') || '00000000000000000000'
)::uuid`

/** Events, the newest first. */
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
