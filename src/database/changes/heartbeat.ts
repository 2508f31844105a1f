import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { Queryable } from '../query.js'

/** Time after the sending of a heartbeat during which its return proves that the connection is fresh (milliseconds). */
const freshnessWindowMs = 100
/** Age of the last heartbeat at which the next one is due (milliseconds). */
const heartbeatIntervalMs = 25
/** Time after which a heartbeat that has not come back is slow, whatever those before took (milliseconds). */
const slowAfterMs = 200
/** Number of heartbeats in a row that came back too late to prove anything, after which the connection is slow. */
const maxLate = 2
/** Maximum time for a message to come back through the pool (milliseconds). */
const poolTimeoutMs = 2_000

/**
 * Sends messages from this process to itself. PostgreSQL delivers notifications in the order of their commits, so a
 * message that comes back proves that all changes committed before it was sent have been received.
 */
export interface Heartbeat {
  /** Name of the channel that carries the messages of this process. */
  readonly channel: string
  /** Sends a heartbeat over the connection that listens. @throws Error if it does not come back */
  send(client: pg.Client): Promise<void>
  /** Sends a message through the pool. @throws OtherDatabase if it does not come back */
  checkPool(pool: Queryable): Promise<void>
  /** Handles a message that has come back. */
  receive(payload: string | undefined): void
  /** Whether the last heartbeat that has come back was sent within the freshness window. */
  isFresh(): boolean
  /** Returns the time since the sending of the last heartbeat that has come back, or since the start (milliseconds). */
  ageMs(): number
  /** Whether the next heartbeat is due. */
  isDue(): boolean
  /** Whether heartbeats take so long that waiting for one does not make the connection fresh. */
  isSlow(): boolean
  /** Whether a heartbeat has come back that was sent at this moment or later (`performance.now()`). */
  hasReturnedSince(moment: number): boolean
}

/** Thrown when the pool leads to another database than the connection that listens. */
export class OtherDatabase extends Error {}

export function createHeartbeat(): Heartbeat {
  const createdAt = performance.now()
  const channel = `latchkey_heartbeat_${randomUUID().replaceAll('-', '')}`
  /** Messages that came back through the pool, by their payloads. */
  const poolMessages = new EventEmitter()
  /** Number of messages sent. Each payload is used once, so that no message of an earlier connection counts. */
  let sent = 0
  let expected = { payload: 'none', sentAt: Number.NEGATIVE_INFINITY }
  /** When the last heartbeat that has come back was sent. */
  let lastSentAt = Number.NEGATIVE_INFINITY
  /** Number of heartbeats in a row that came back after the freshness window. */
  let late = 0

  const isFresh = () => performance.now() - lastSentAt <= freshnessWindowMs

  function nextPayload(): string {
    sent += 1
    return String(sent)
  }

  return {
    channel,

    // PostgreSQL delivers a session's own notifications before it completes the statement.
    async send(client) {
      const heartbeat = { payload: nextPayload(), sentAt: performance.now() }
      expected = heartbeat
      await client.query(`NOTIFY ${channel}, '${heartbeat.payload}'`)
      if (lastSentAt !== heartbeat.sentAt) throw new Error('heartbeats do not come back')
    },

    async checkPool(pool) {
      const payload = nextPayload()
      const event = `message ${payload}`
      const returned = new Promise<boolean>((resolve) => {
        poolMessages.once(event, () => resolve(true))
      })
      try {
        await pool.query({ text: `NOTIFY ${channel}, '${payload}'` })
        if (!(await Promise.race([returned, delay(poolTimeoutMs, false, { ref: false })])))
          throw new OtherDatabase('DATABASE_URL and DATABASE_DIRECT_URL lead to different databases')
      } finally {
        poolMessages.removeAllListeners(event)
      }
    },

    receive(payload) {
      if (payload !== expected.payload) return void poolMessages.emit(`message ${payload}`)
      lastSentAt = expected.sentAt
      late = isFresh() ? 0 : late + 1
    },

    isFresh,
    ageMs: () => performance.now() - Math.max(lastSentAt, createdAt),
    isDue: () => performance.now() - lastSentAt > heartbeatIntervalMs,
    isSlow: () =>
      late >= maxLate || (expected.sentAt > lastSentAt && performance.now() - expected.sentAt > slowAfterMs),
    hasReturnedSince: (moment) => lastSentAt >= moment,
  }
}
