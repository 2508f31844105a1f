import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type pg from 'pg'
import { keepRunning } from '../../lifecycle/periodic.js'
import { reasonOf } from '../../lifecycle/reason.js'
import { type ListenConnection, openListenConnection } from './connection.js'
import { createHeartbeat, OtherDatabase } from './heartbeat.js'

/**
 * The change feed: triggers announce each changed row by NOTIFY when the change is committed, and each process receives
 * that over a dedicated LISTEN connection.
 *
 * | state      | meaning                                                                  | isConnected | isFresh |
 * | ---------- | ------------------------------------------------------------------------ | ----------- | ------- |
 * | CONNECTING | the connection is being made                                             | no          | no      |
 * | VERIFYING  | it listens; a heartbeat and a message through the pool must come back    | no          | no      |
 * | FRESH      | the last heartbeat that has come back was sent at most 100 ms ago        | yes         | yes     |
 * | STALE      | that heartbeat is older: changes may be on their way                     | yes         | no      |
 * | LOST       | the connection has ended or was destroyed                                | no          | no      |
 *
 * | transition             | cause                                                                                 |
 * | ---------------------- | ------------------------------------------------------------------------------------- |
 * | CONNECTING → VERIFYING | LISTEN has succeeded                                                                  |
 * | VERIFYING → FRESH      | both messages have come back; publishes null, as changes may have been missed         |
 * | FRESH → STALE          | no heartbeat has come back for 100 ms; none is sent while `isFresh` is not called     |
 * | STALE → FRESH          | a heartbeat has come back                                                             |
 * | any → LOST             | a statement fails or takes 2 s, or the pool leads elsewhere; publishes null           |
 * | LOST → CONNECTING      | 1 s has passed                                                                        |
 */
export interface ChangeFeed {
  /**
   * Whether every change that was committed more than 100 ms ago has been published. Each call sends a heartbeat if one
   * is due, so an idle process sends none.
   */
  isFresh(): boolean
  /** Whether changes are being received. */
  isConnected(): boolean
  /** Resolves when every change that was committed before the call has been published, or the connection is lost. */
  sync(): Promise<void>
  /**
   * Resolves when every change that was committed more than 100 ms before the call has been published, or the connection
   * is lost. Takes one heartbeat less than `sync` if the one under way comes back within 100 ms. Resolves at once while heartbeats
   * are slow.
   */
  freshen(): Promise<void>
  /** Adds a listener for changes, as `kind:key` of the changed row; null stands for any, as some may have been missed. */
  subscribe(listener: (change: string | null) => void): void
}

declare module 'fastify' {
  interface FastifyInstance {
    changes: ChangeFeed
  }
}

/** Name of the channel in the triggers. */
const changesChannel = 'latchkey_changes'
/** Time between two checks that the pool leads to the same database as the connection (milliseconds). */
const poolCheckMs = 5_000
/** Time for the server to accept the connection, and to answer each statement (milliseconds). */
const connectTimeoutMs = 2_000
/** Time between the loss of a connection and the next attempt to connect (milliseconds). */
const retryMs = 1_000

/** Registers `app.changes`. */
export const changeFeed = plugin(registerChangeFeed, { name: 'change-feed', dependencies: ['database'] })

async function registerChangeFeed(app: FastifyInstance): Promise<void> {
  const { metrics } = app
  const heartbeat = createHeartbeat()
  const listeners: ((change: string | null) => void)[] = []
  const closing = new AbortController()
  let state: 'CONNECTING' | 'VERIFYING' | 'CONNECTED' | 'LOST' = 'LOST'
  let connection: ListenConnection | undefined
  /** Heartbeats under way, by connection. */
  const sending = new WeakMap<ListenConnection, Promise<void>>()
  let poolCheckedAt = Number.NEGATIVE_INFINITY
  let lastReason = ''

  const isConnected = () => state === 'CONNECTED'

  function publish(change: string | null): void {
    for (const listener of listeners) listener(change)
  }

  function onNotification({ channel, payload }: pg.Notification): void {
    if (channel === heartbeat.channel) heartbeat.receive(payload)
    else {
      metrics.feedChanges.add({})
      publish(payload === 'all' ? null : String(payload))
    }
  }

  /** Marks a connection as lost at once, before its end is noticed. Does nothing if another has replaced it meanwhile. */
  function lose(lost: ListenConnection, reason: Error): void {
    if (lost !== connection) return
    state = 'LOST'
    lost.destroy(reason)
  }

  /** Sends one heartbeat at a time over a connection, which is lost if the heartbeat does not come back. */
  function sendHeartbeat(current: ListenConnection): Promise<void> {
    const sent =
      sending.get(current) ??
      heartbeat
        .send(current.client)
        .catch((error: Error) => lose(current, error))
        .finally(() => sending.delete(current))
    sending.set(current, sent)
    return sent
  }

  /** Sends heartbeats, one after another, until a condition holds or the connection is lost. */
  async function sendHeartbeatsUntil(isEnough: () => boolean): Promise<void> {
    while (isConnected() && !isEnough()) await sendHeartbeat(connection as ListenConnection)
  }

  async function checkPool(): Promise<void> {
    poolCheckedAt = performance.now()
    await heartbeat.checkPool(app.database.pool)
  }

  /** Checks the pool again. An error other than OtherDatabase does not show where the pool leads. */
  async function recheckPool(current: ListenConnection): Promise<void> {
    await checkPool().catch((error: Error) => {
      if (error instanceof OtherDatabase) lose(current, error)
    })
  }

  function keepFresh(current: ListenConnection): void {
    if (heartbeat.isDue()) void sendHeartbeat(current)
    if (performance.now() - poolCheckedAt > poolCheckMs) void recheckPool(current)
  }

  async function connect(current: ListenConnection): Promise<void> {
    state = 'CONNECTING'
    await current.connect()
    await current.listen([changesChannel, heartbeat.channel], onNotification)
  }

  async function verify(current: ListenConnection): Promise<void> {
    state = 'VERIFYING'
    await heartbeat.send(current.client)
    await checkPool()
  }

  /** Receives changes for as long as a connection lasts. @throws Error that says why it has ended */
  async function receiveUntilLost(): Promise<never> {
    closing.signal.throwIfAborted()
    const current = openListenConnection(app.database.direct, connectTimeoutMs, 'latchkey changes')
    connection = current
    let wasConnected = false
    try {
      await connect(current)
      await verify(current)
      state = 'CONNECTED'
      wasConnected = true
      lastReason = ''
      app.outage.noteRecovery()
      publish(null)
      return await current.ended
    } finally {
      if (wasConnected) metrics.feedLosses.add({})
      state = 'LOST'
      publish(null)
      current.destroy()
    }
  }

  /** Logs why there is no connection, once for each reason in a row. */
  async function follow(): Promise<void> {
    await receiveUntilLost().catch((error: Error) => {
      if (closing.signal.aborted || app.outage.note(error)) return
      const reason = reasonOf(error)
      if (reason !== lastReason) app.log.warn({ reason }, 'the change feed is not connected')
      lastReason = reason
    })
  }

  // Changes on another server would not be announced here.
  app.database.direct.servers.onChange(function leaveFormerServer() {
    const server = connection?.client.server ?? null
    if (server === null || server === app.database.direct.servers.current) return
    lose(connection as ListenConnection, new Error('another server is used'))
  })
  app.decorate('changes', {
    isFresh() {
      const isFresh = isConnected() && heartbeat.isFresh()
      if (isConnected()) keepFresh(connection as ListenConnection)
      return isFresh
    },
    isConnected,
    async sync() {
      const calledAt = performance.now()
      await sendHeartbeatsUntil(() => heartbeat.hasReturnedSince(calledAt))
    },
    async freshen() {
      const calledAt = performance.now()
      const isEnough = () => heartbeat.isFresh() || heartbeat.isSlow() || heartbeat.hasReturnedSince(calledAt)
      await sendHeartbeatsUntil(isEnough)
    },
    subscribe(listener) {
      listeners.push(listener)
    },
  })
  metrics.feedConnected.observe({}, () => Number(isConnected()))
  metrics.feedAge.observe({}, () => heartbeat.ageMs() / 1_000)
  keepRunning(app, 'the change feed', retryMs, follow)
  app.addHook('onClose', async function closeConnection() {
    closing.abort()
    connection?.destroy()
  })
}
