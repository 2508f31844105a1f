import type { Database } from '../client.js'
import { openListenConnection } from './connection.js'
import type { Heartbeat } from './heartbeat.js'
import type { PoolCheck } from './pool-check.js'

/** Name of the channel in the triggers. */
const changesChannel = 'latchkey_changes'
/** Time for the server to accept the connection, and to answer each statement (milliseconds). */
const connectTimeoutMs = 2_000

/** A connection of the change feed, whose states `ChangeFeed` describes. */
export interface FeedConnection {
  /** Returns the name of the server, once it is connected. */
  server(): string | null
  /** Returns whether it is FRESH or STALE. */
  isConnected(): boolean
  /** Connects, listens and verifies. @throws Error if one of these fails */
  open(): Promise<void>
  /** Rejects when the connection has ended, with the reason. */
  ended: Promise<never>
  /** Sends a heartbeat, unless one is under way already. The connection is lost if it does not come back. */
  sendHeartbeat(): Promise<void>
  /** Sends a heartbeat, and checks the pool, if that is due. */
  keepFresh(): void
  /** Marks the connection as LOST at once, before its end is noticed, and destroys it. */
  lose(reason?: Error): void
}

/** Creates a connection that is not connected yet. @param onChange receives the payload of each announced change */
export function openFeedConnection(
  direct: Database['direct'],
  heartbeat: Heartbeat,
  poolCheck: PoolCheck,
  onChange: (payload: string | undefined) => void,
): FeedConnection {
  const connection = openListenConnection(direct, connectTimeoutMs, 'latchkey changes')
  let state: 'CONNECTING' | 'VERIFYING' | 'CONNECTED' | 'LOST' = 'CONNECTING'
  /** The heartbeat under way. */
  let sending: Promise<void> | undefined

  function lose(reason?: Error): void {
    if (state === 'LOST') return
    state = 'LOST'
    connection.destroy(reason)
  }

  function sendHeartbeat(): Promise<void> {
    sending ??= heartbeat
      .send(connection.client)
      .catch(lose)
      .finally(() => {
        sending = undefined
      })
    return sending
  }

  return {
    server: () => connection.client.server,
    isConnected: () => state === 'CONNECTED',
    ended: connection.ended,
    async open() {
      await connection.connect()
      await connection.listen([changesChannel, heartbeat.channel], function receive({ channel, payload }) {
        if (channel === heartbeat.channel) heartbeat.receive(payload)
        else onChange(payload)
      })
      state = 'VERIFYING'
      await heartbeat.send(connection.client)
      await poolCheck.run()
      state = 'CONNECTED'
    },
    sendHeartbeat,
    keepFresh() {
      if (heartbeat.isDue()) void sendHeartbeat()
      poolCheck.repeatIfDue(lose)
    },
    lose,
  }
}
