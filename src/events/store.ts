import { createHash } from 'node:crypto'
import type { Transaction } from '../database/index.js'
import type { SecurityEvent } from './event.js'

/** Failures that differ in nothing but the time are counted together for so long (milliseconds). */
const foldedForMs = 60 * 60 * 1000

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

/** Records an event. Of failures that repeat themselves within the hour the first row counts the others. */
export async function recordEvent(event: SecurityEvent, database: Transaction): Promise<void> {
  if (event.outcome === 'ok') {
    await database.event.create({ data: event })
    return
  }
  const now = new Date()
  const foldKey = foldKeyOf(event, now)
  await database.event.upsert({
    where: { foldKey },
    create: { ...event, foldKey },
    update: { count: { increment: 1 }, lastAt: now },
  })
}

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

function foldKeyOf({ action, actor, subject, userId, address }: SecurityEvent, now: Date) {
  const hour = Math.floor(now.getTime() / foldedForMs)
  const parts = JSON.stringify([action, actor, subject, userId, address, hour])
  return new Uint8Array(createHash('sha256').update(parts).digest())
}
