import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { type StoredEvent, toAuditEvent } from '../../audit/event-store.js'
import { createEventStream, type EventStream, type StreamFilter } from '../../audit/event-stream.js'
import { type ListenServer, openListenConnection } from '../../database/changes/connection.js'
import { isOutage } from '../../database/errors.js'
import { inSession } from '../../database/query.js'
import { reasonOf } from '../../lifecycle/reason.js'
import type { Io } from '../io.js'
import { escapeLine, toJsonLine } from '../output.js'

/** Time between two polls for new events (milliseconds). */
const pollMs = 500
/** Time for PostgreSQL to accept the connection, and to answer each statement (milliseconds). */
const answerMs = 10_000
/** Time between the loss of a connection and the next attempt to connect (milliseconds). */
const retryMs = 1_000

/** Widths of the columns (characters). They are fixed, as later events are not known yet. */
const widths = { last_at: 24, action: 24, outcome: 7, actor: 20, subject: 20, address: 15, count: 1 }

/**
 * Prints events as they are recorded, until SIGINT or SIGTERM. It uses a connection of its own, and connects again if that is lost. A
 * signal destroys the connection at once, even if the server does not respond.
 *
 * @param locate returns the server to connect to, which may have moved since the last connection
 */
export async function followEvents(
  filter: StreamFilter,
  locate: () => Promise<ListenServer>,
  io: Io,
  json: unknown,
): Promise<void> {
  const stream = createEventStream(filter)
  const stop = new AbortController()
  const abort = () => stop.abort()
  const signals = ['SIGINT', 'SIGTERM'] as const
  for (const signal of signals) process.once(signal, abort)
  try {
    while (!stop.signal.aborted)
      await followUntilLost(stream, await locate(), { io, json, signal: stop.signal })
  } finally {
    for (const signal of signals) process.off(signal, abort)
  }
}

/** Where and how events are printed, and until when. */
interface Output {
  io: Io
  json: unknown
  signal: AbortSignal
}

/** Prints events until the connection is lost. @throws Error if it ends for another reason than an outage of the database */
async function followUntilLost(stream: EventStream, server: ListenServer, output: Output): Promise<void> {
  const { io, signal } = output
  const connection = openListenConnection(server, answerMs, 'latchkey events')
  const destroy = () => connection.destroy()
  signal.addEventListener('abort', destroy)
  try {
    await connection.connect()
    const target = inSession(connection.client)
    while (!signal.aborted) {
      const events = await stream.next(target)
      for (const event of events) await print(event, output)
      if (events.length === 0) await delay(pollMs, undefined, { signal })
    }
  } catch (error) {
    if (signal.aborted) return
    if (!isOutage(error)) throw error
    io.stderr.write(`latchkey: ${reasonOf(error as Error)}; connecting again\n`)
    await delay(retryMs, undefined, { signal }).catch(() => {})
  } finally {
    signal.removeEventListener('abort', destroy)
    connection.destroy()
  }
}

/** Prints an event, and waits while the output is full because its reader is slower (backpressure). */
async function print(event: StoredEvent, { io: { stdout }, json, signal }: Output): Promise<void> {
  const row = toAuditEvent(event)
  const cells = Object.entries(widths).map(([name, width]) =>
    escapeLine(String(row[name as keyof typeof widths] ?? '-')).padEnd(width),
  )
  const hasRoom = stdout.write(json ? toJsonLine(row) : `${cells.join('  ').trimEnd()}\n`)
  if (!hasRoom) await once(stdout, 'drain', { signal })
}
