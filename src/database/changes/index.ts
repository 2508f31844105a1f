import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type pg from 'pg'
import { runPeriodically } from '../../lifecycle/periodic.js'
import { isOwnSession } from '../pooler.js'
import { type ListenConnection, openListenConnection } from './connection.js'

/** What the triggers of the migrations tell: `kind:key` of a row that has changed, when the change is committed. */
export interface ChangeFeed {
  /**
   * Whether every change that was committed more than 100 ms ago has been told. Asking keeps it so: while nobody asks,
   * nothing is sent.
   */
  isFresh(): boolean
  /** Whether changes are being told at all. */
  isConnected(): boolean
  /** Resolves when every change that was committed before the call has been told, or none is told any more. */
  sync(): Promise<void>
  /** Has changes told to a listener; null stands for any change, as some may have been missed. */
  subscribe(listener: (change: string | null) => void): void
}

declare module 'fastify' {
  interface FastifyInstance {
    changes: ChangeFeed
  }
}

/** What the triggers name the channel. */
const changesChannel = 'latchkey_changes'
/** What has been heard counts for so long, and after so much of that is asked for anew (milliseconds). */
const [freshnessWindowMs, heartbeatIntervalMs] = [100, 25]
/** What goes through the pool is listened for so often: it may lead to another server by now (milliseconds). */
const poolCheckMs = 5_000
/** A connection that does not answer for so long is given up, and another one made (milliseconds). */
const [patienceMs, retryMs] = [2_000, 1_000]

/**
 * Registers `app.changes`, on a connection of its own (LISTEN). PostgreSQL hands on notifications in the order in which
 * they were committed, so a message of ours that comes back (a pulse) says that all before it have come: what is heard
 * is only ever trusted for 100 ms after a pulse was sent, whatever happens to the connection, the network or the server.
 */
export const changeFeed = plugin(registerChangeFeed, { name: 'change-feed', dependencies: ['database'] })

async function registerChangeFeed(app: FastifyInstance): Promise<void> {
  const heartbeatChannel = `latchkey_pulse_${randomUUID().replaceAll('-', '')}`
  const listeners: ((change: string | null) => void)[] = []
  let line: ListenConnection | undefined
  let isConnected = false
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

  function publish(change: string | null): void {
    for (const listener of listeners) listener(change)
  }

  function onNotification({ channel, payload }: pg.Notification): void {
    if (channel !== heartbeatChannel) publish(payload === 'all' ? null : String(payload))
    else if (payload === awaited.payload) heardAt = awaited.sentAt
    else echoes.emit(`echo of ${payload}`)
  }

  function nextMessage(): string {
    messages += 1
    return String(messages)
  }

  async function sendHeartbeat({ client }: ListenConnection): Promise<void> {
    const sent = { payload: nextMessage(), sentAt: performance.now() }
    awaited = sent
    await client.query(`NOTIFY ${heartbeatChannel}, '${sent.payload}'`)
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
      await app.database.pool.query({ text: `NOTIFY ${heartbeatChannel}, '${payload}'` })
      if (!(await Promise.race([heard, delay(patienceMs, false, { ref: false })])))
        throw new OtherDatabase('DATABASE_URL and DATABASE_DIRECT_URL lead to different databases')
    } finally {
      echoes.removeAllListeners()
    }
  }

  /** From this moment on, not only when the end of the connection has been noticed. */
  function lose(current: ListenConnection, reason: Error): void {
    isConnected = false
    current.destroy(reason)
  }

  /** One at a time. Where it fails the connection is of no use any more. */
  function beat(current: ListenConnection): Promise<void> {
    pulse ??= sendHeartbeat(current)
      .catch((error: Error) => lose(current, error))
      .finally(() => {
        pulse = undefined
      })
    return pulse
  }

  async function listen({ client, connect }: ListenConnection): Promise<void> {
    await connect()
    if (!(await isOwnSession(client)))
      throw new Error('there is a pooler in between: see DATABASE_DIRECT_URL')
    client.on('notification', onNotification)
    await client.query('SET synchronous_commit = off')
    await client.query(`LISTEN ${changesChannel}`)
    await client.query(`LISTEN ${heartbeatChannel}`)
  }

  /** Lasts as long as the connection. @throws Error that says why it has ended */
  async function hearUntilLost(): Promise<never> {
    closing.signal.throwIfAborted()
    const current = openListenConnection(app.database.directUrl, patienceMs, 'latchkey changes')
    line = current
    try {
      await listen(current)
      await sendHeartbeat(current)
      await checkPool()
      isConnected = true
      complaint = ''
      publish(null)
      return await current.ended
    } finally {
      isConnected = false
      publish(null)
      current.destroy()
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
  async function checkPoolNow(current: ListenConnection): Promise<void> {
    await checkPool().catch((error: Error) => {
      if (error instanceof OtherDatabase) lose(current, error)
    })
  }

  function keepCurrent(current: ListenConnection): void {
    const now = performance.now()
    if (now - heardAt > heartbeatIntervalMs) void beat(current)
    if (now - poolCheckedAt > poolCheckMs) void checkPoolNow(current)
  }

  app.decorate('changes', {
    isFresh() {
      const age = performance.now() - heardAt
      if (isConnected) keepCurrent(line as ListenConnection)
      return isConnected && age <= freshnessWindowMs
    },
    isConnected: () => isConnected,
    async sync() {
      const calledAt = performance.now()
      while (isConnected && heardAt < calledAt) await beat(line as ListenConnection)
    },
    subscribe(listener) {
      listeners.push(listener)
    },
  })
  runPeriodically(app, 'following changes', retryMs, follow)
  app.addHook('onClose', async function stopFollowing() {
    closing.abort()
    line?.destroy()
  })
}

class OtherDatabase extends Error {}
