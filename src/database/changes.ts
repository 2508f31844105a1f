import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import { repeat } from '../repeat.js'
import { isOwnSession } from './session.js'

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
}

/** What the triggers name the channel. */
const changesChannel = 'latchkey_changes'
/** What has been heard counts for so long, and after so much of that is asked for anew (milliseconds). */
const [believedMs, pulseMs] = [100, 25]
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
  let client: pg.Client | undefined
  let isHearing = false
  let isClosing = false
  /** When the last pulse that has come back was sent, and the one that is under way. */
  let heardAt = Number.NEGATIVE_INFINITY
  let sentAt = 0
  let pulse: Promise<void> | undefined

  function tellAll(change: string | null): void {
    for (const listener of listeners) listener(change)
  }

  function hear({ channel, payload = '' }: pg.Notification): void {
    if (channel === pulseChannel) heardAt = sentAt
    else tellAll(payload === 'all' ? null : payload)
  }

  async function sendPulse(connection: pg.Client): Promise<void> {
    sentAt = performance.now()
    await connection.query(`NOTIFY ${pulseChannel}`)
    if (heardAt !== sentAt) throw new Error('messages do not come back')
  }

  /** One at a time. Where it fails the connection is of no use any more. */
  function beat(connection: pg.Client): Promise<void> {
    pulse ??= sendPulse(connection)
      .catch(() => connection.end())
      .finally(() => {
        pulse = undefined
      })
    return pulse
  }

  async function listen(connection: pg.Client): Promise<void> {
    await connection.connect()
    if (!(await isOwnSession(connection)))
      throw new Error('there is a pooler in between: see DATABASE_DIRECT_URL')
    connection.on('notification', hear)
    await connection.query('SET synchronous_commit = off')
    await connection.query(`LISTEN ${changesChannel}`)
    await connection.query(`LISTEN ${pulseChannel}`)
    await sendPulse(connection)
  }

  /** Lasts as long as the connection. */
  async function follow(): Promise<void> {
    const connection = new pg.Client({
      connectionString: app.database.directUrl,
      connectionTimeoutMillis: patienceMs,
      query_timeout: patienceMs,
      application_name: 'latchkey changes',
      keepAlive: true,
    })
    const ended = new Promise((resolve) => connection.once('end', resolve))
    connection.on('error', () => {})
    client = connection
    try {
      await listen(connection)
      if (isClosing) return
      isHearing = true
      tellAll(null)
      await ended
      if (!isClosing) throw new Error('the connection has ended')
    } finally {
      isHearing = false
      tellAll(null)
      await connection.end()
    }
  }

  app.decorate('changes', {
    areCurrent() {
      const age = performance.now() - heardAt
      if (isHearing && age > pulseMs) void beat(client as pg.Client)
      return isHearing && age <= believedMs
    },
    areHeard: () => isHearing,
    async catchUp() {
      const calledAt = performance.now()
      while (isHearing && heardAt < calledAt) await beat(client as pg.Client)
    },
    tell(listener) {
      listeners.push(listener)
    },
  })
  repeat(app, 'following changes', retryMs, follow)
  app.addHook('onClose', async function stopFollowing() {
    isClosing = true
    if (isHearing) await client?.end()
  })
}

/**
 * Makes a scope answer whatever may have changed something only when that has been told here, so that it shows in the
 * very next request to this replica.
 */
export function answerWhenTold(scope: FastifyInstance): void {
  scope.addHook('onRoute', function waitForChanges(route) {
    if (route.method === 'GET' || route.method === 'HEAD') return
    route.onSend = async () => scope.changes.catchUp()
  })
}
