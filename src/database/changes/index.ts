import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type pg from 'pg'
import { repeat } from '../../lifecycle/periodic.js'
import { isOwnSession } from '../session.js'
import { type Line, openLine } from './connection.js'

/** What the triggers of the migrations tell: `kind:key` of a row that has changed, when the change is committed. */
export interface Changes {
  /**
   * Whether every change that was committed more than 100 ms ago has been told. Asking keeps it so: while nobody asks,
   * nothing is sent.
   */
  areCurrent(): boolean
  /** Whether changes are being told at all. */
  areHeard(): boolean
  /** Resolves when every change that was committed before the call has been told, or none is told any more. */
  catchUp(): Promise<void>
  /** Has changes told to a listener; null stands for any change, as some may have been missed. */
  tell(listener: (change: string | null) => void): void
}

declare module 'fastify' {
  interface FastifyInstance {
    changes: Changes
  }
  interface FastifyContextConfig {
    /** Whether the route may change what is told. */
    changes?: boolean
  }
}

/** What the triggers name the channel. */
const changesChannel = 'latchkey_changes'
/** What has been heard counts for so long, and after so much of that is asked for anew (milliseconds). */
const [believedMs, pulseMs] = [100, 25]
/** What goes through the pool is listened for so often: it may lead to another server by now (milliseconds). */
const poolCheckMs = 5_000
/** A connection that does not answer for so long is given up, and another one made (milliseconds). */
const [patienceMs, retryMs] = [2_000, 1_000]

/**
 * Registers `app.changes`, on a connection of its own (LISTEN). PostgreSQL hands on notifications in the order in which
 * they were committed, so a message of ours that comes back (a pulse) says that all before it have come: what is heard
 * is only ever trusted for 100 ms after a pulse was sent, whatever happens to the connection, the network or the server.
 */
export function followChanges(app: FastifyInstance): void {
  const pulseChannel = `latchkey_pulse_${randomUUID().replaceAll('-', '')}`
  const listeners: ((change: string | null) => void)[] = []
  let line: Line | undefined
  let isHearing = false
  const closing = new AbortController()
  /** When the last pulse that has come back was sent. */
  let heardAt = Number.NEGATIVE_INFINITY
  /** Numbers the messages to ourselves: only its own echo counts for one, and none of a connection before. */
  let messages = 0
  /** The pulse that is to come back. */
  let awaited = { payload: 'none', sentAt: heardAt }
  /** Messages through the pool that have come back, by their payloads. */
  const echoes = new EventEmitter()
  let pulse: Promise<void> | undefined
  let poolCheckedAt = 0
  let complaint = ''

  function tellAll(change: string | null): void {
    for (const listener of listeners) listener(change)
  }

  function hear({ channel, payload }: pg.Notification): void {
    if (channel !== pulseChannel) tellAll(payload === 'all' ? null : String(payload))
    else if (payload === awaited.payload) heardAt = awaited.sentAt
    else echoes.emit(`echo of ${payload}`)
  }

  function nextMessage(): string {
    messages += 1
    return String(messages)
  }

  async function sendPulse({ client }: Line): Promise<void> {
    const sent = { payload: nextMessage(), sentAt: performance.now() }
    awaited = sent
    await client.query(`NOTIFY ${pulseChannel}, '${sent.payload}'`)
    if (heardAt !== sent.sentAt) throw new Error('messages do not come back')
  }

  /** @throws Error when the pool leads to another database than the one that is listened to */
  async function checkPool(): Promise<void> {
    poolCheckedAt = performance.now()
    const payload = nextMessage()
    const heard = new Promise<boolean>((resolve) => {
      echoes.once(`echo of ${payload}`, () => resolve(true))
    })
    try {
      await app.database.pool.query({ text: `NOTIFY ${pulseChannel}, '${payload}'` })
      if (!(await Promise.race([heard, delay(patienceMs, false, { ref: false })])))
        throw new OtherDatabase('DATABASE_URL and DATABASE_DIRECT_URL lead to different databases')
    } finally {
      echoes.removeAllListeners()
    }
  }

  /** From this moment on, not only when the end of the connection has been noticed. */
  function lose(current: Line, reason: Error): void {
    isHearing = false
    current.giveUp(reason)
  }

  /** One at a time. Where it fails the connection is of no use any more. */
  function beat(current: Line): Promise<void> {
    pulse ??= sendPulse(current)
      .catch((error: Error) => lose(current, error))
      .finally(() => {
        pulse = undefined
      })
    return pulse
  }

  async function listen({ client, connect }: Line): Promise<void> {
    await connect()
    if (!(await isOwnSession(client)))
      throw new Error('there is a pooler in between: see DATABASE_DIRECT_URL')
    client.on('notification', hear)
    await client.query('SET synchronous_commit = off')
    await client.query(`LISTEN ${changesChannel}`)
    await client.query(`LISTEN ${pulseChannel}`)
  }

  /** Lasts as long as the connection. @throws Error that says why it has ended */
  async function hearUntilLost(): Promise<never> {
    closing.signal.throwIfAborted()
    const current = openLine(app.database.directUrl, patienceMs, 'latchkey changes')
    line = current
    try {
      await listen(current)
      await sendPulse(current)
      await checkPool()
      isHearing = true
      complaint = ''
      tellAll(null)
      return await current.ended
    } finally {
      isHearing = false
      tellAll(null)
      current.giveUp()
    }
  }

  /** Says why nothing is heard once, not each time that it is tried. */
  async function follow(): Promise<void> {
    await hearUntilLost().catch(({ message: reason }: Error) => {
      if (!closing.signal.aborted && reason !== complaint) app.log.warn({ reason }, 'changes are not heard')
      complaint = reason
    })
  }

  /** A pool that cannot be asked now says nothing of where it leads. */
  async function checkPoolNow(current: Line): Promise<void> {
    await checkPool().catch((error: Error) => {
      if (error instanceof OtherDatabase) lose(current, error)
    })
  }

  function keepCurrent(current: Line): void {
    const now = performance.now()
    if (now - heardAt > pulseMs) void beat(current)
    if (now - poolCheckedAt > poolCheckMs) void checkPoolNow(current)
  }

  app.decorate('changes', {
    areCurrent() {
      const age = performance.now() - heardAt
      if (isHearing) keepCurrent(line as Line)
      return isHearing && age <= believedMs
    },
    areHeard: () => isHearing,
    async catchUp() {
      const calledAt = performance.now()
      while (isHearing && heardAt < calledAt) await beat(line as Line)
    },
    tell(listener) {
      listeners.push(listener)
    },
  })
  repeat(app, 'following changes', retryMs, follow)
  app.addHook('onClose', async function stopFollowing() {
    closing.abort()
    line?.giveUp()
  })
}

/** Has the routes of a scope that change something answer only when that has been told here: see `waitUntilTold`. */
export function answerWhenTold(scope: FastifyInstance): void {
  scope.addHook('onRoute', function markChanging(route) {
    if (route.method !== 'GET' && route.method !== 'HEAD') route.config = { ...route.config, changes: true }
  })
}

/**
 * Registers the wait of the answers to whatever may have changed something, so that it shows in the very next request to
 * this replica. What was refused has changed nothing.
 */
export function waitUntilTold(app: FastifyInstance): void {
  app.addHook('onSend', function waitForChanges({ routeOptions }, { statusCode }, payload, done) {
    const isRefusal = statusCode >= 400 && statusCode < 500
    if (!routeOptions.config.changes || isRefusal) return done(null, payload)
    app.changes.catchUp().then(() => done(null, payload))
  })
}

class OtherDatabase extends Error {}
