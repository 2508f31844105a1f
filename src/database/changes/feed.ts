import type { Metrics } from '../../metrics/index.js'
import type { Database } from '../client.js'
import { type FeedConnection, openFeedConnection } from './feed-connection.js'
import { createHeartbeat, type Heartbeat } from './heartbeat.js'
import { createPoolCheck } from './pool-check.js'

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

/** A change feed, and what connects it. */
interface Feed {
  changes: ChangeFeed
  /**
   * Receives changes for as long as a connection lasts.
   *
   * @param onConnected is called when the connection is verified
   * @throws Error that says why it has ended
   */
  receiveUntilLost(onConnected: () => void): Promise<never>
  /** Returns the time since the sending of the last heartbeat that has come back (milliseconds). */
  heartbeatAgeMs(): number
  close(): void
}

/** Creates a change feed that is not connected yet. */
export function createFeed(
  database: Pick<Database, 'direct' | 'pool'>,
  metrics: Pick<Metrics, 'feedChanges' | 'feedLosses'>,
): Feed {
  const { direct } = database
  const heartbeat = createHeartbeat()
  const poolCheck = createPoolCheck(heartbeat, database)
  const listeners: ((change: string | null) => void)[] = []
  let connection: FeedConnection | undefined

  function publish(change: string | null): void {
    for (const listener of listeners) listener(change)
  }

  function receive(payload: string | undefined): void {
    metrics.feedChanges.add({})
    publish(payload === 'all' ? null : String(payload))
  }

  async function receiveUntilLost(onConnected: () => void): Promise<never> {
    const current = openFeedConnection(direct, heartbeat, poolCheck, receive)
    connection = current
    try {
      await current.open()
      onConnected()
      publish(null)
      return await current.ended.finally(() => metrics.feedLosses.add({}))
    } finally {
      current.lose()
      publish(null)
    }
  }

  // Changes on another server would not be announced here.
  direct.servers.onChange(function leaveFormerServer() {
    const server = connection?.server() ?? null
    if (server === null || server === direct.servers.current) return
    connection?.lose(new Error('another server is used'))
  })

  return {
    changes: {
      ...trackFreshness(() => connection, heartbeat),
      subscribe(listener) {
        listeners.push(listener)
      },
    },
    receiveUntilLost,
    heartbeatAgeMs: heartbeat.ageMs,
    close: () => connection?.lose(),
  }
}

/** Returns the methods that tell how far changes have been published, by the heartbeats of the connection at that time. */
function trackFreshness(
  connection: () => FeedConnection | undefined,
  heartbeat: Heartbeat,
): Omit<ChangeFeed, 'subscribe'> {
  const connected = () => {
    const current = connection()
    return current?.isConnected() ? current : undefined
  }

  /** Sends heartbeats, one after another, until a condition holds or the connection is lost. */
  async function sendHeartbeatsUntil(isEnough: () => boolean): Promise<void> {
    for (let current = connected(); current && !isEnough(); current = connected())
      await current.sendHeartbeat()
  }

  return {
    isFresh() {
      const current = connected()
      const isFresh = current !== undefined && heartbeat.isFresh()
      current?.keepFresh()
      return isFresh
    },
    isConnected: () => connected() !== undefined,
    async sync() {
      const calledAt = performance.now()
      await sendHeartbeatsUntil(() => heartbeat.hasReturnedSince(calledAt))
    },
    async freshen() {
      const calledAt = performance.now()
      const isEnough = () => heartbeat.isFresh() || heartbeat.isSlow() || heartbeat.hasReturnedSince(calledAt)
      await sendHeartbeatsUntil(isEnough)
    },
  }
}
