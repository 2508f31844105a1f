import type pg from 'pg'
import { isOwnSession } from '../pooler.js'
import { lostConnection } from '../servers/connection.js'
import type { Servers } from '../servers/servers.js'
import { prepareSession, sessionOptions } from '../session.js'
import { SessionClient } from '../session-client.js'

/** A dedicated LISTEN connection, which can be destroyed at once whatever the server does. */
export interface ListenConnection {
  client: SessionClient
  connect(): Promise<void>
  /** Starts to listen to channels. @throws Error if a pooler is in between */
  listen(channels: string[], onNotification: (message: pg.Notification) => void): Promise<void>
  /** Rejects when the connection has ended, with the reason if it was destroyed. */
  ended: Promise<never>
  destroy(reason?: Error): void
}

/** Where to listen. */
export interface ListenServer {
  url: string
  servers?: Servers
}

/**
 * Creates a connection that is not connected yet.
 *
 * @param connectTimeoutMs time for PostgreSQL to accept the connection, and to answer each statement (milliseconds)
 * @param name application name that PostgreSQL's views show
 */
export function openListenConnection(
  server: ListenServer,
  connectTimeoutMs: number,
  name: string,
): ListenConnection {
  const session = {
    ...server,
    connectionMs: connectTimeoutMs,
    answerMs: connectTimeoutMs,
    applicationName: name,
  }
  const client = new SessionClient(sessionOptions(session))
  let cause = new Error(lostConnection)
  client.on('error', () => {})
  const ended = new Promise<never>((_resolve, reject) => client.once('end', () => reject(cause)))
  // Prevents an unhandled rejection: if the connection is lost early, nothing awaits the promise yet.
  ended.catch(() => {})
  return {
    client,
    async connect() {
      await client.connect()
      await prepareSession(client, session)
    },
    async listen(channels, onNotification) {
      if (!(await isOwnSession(client)))
        throw new Error('the connection leads to a pooler: see DATABASE_DIRECT_URL')
      client.on('notification', onNotification)
      // Heartbeats need not survive a crash of the server.
      await client.query('SET synchronous_commit = off')
      for (const channel of channels) await client.query(`LISTEN ${channel}`)
    },
    ended,
    destroy(reason = cause) {
      cause = reason
      client.destroy()
    },
  }
}
