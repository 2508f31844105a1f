import { Socket } from 'node:net'
import pg from 'pg'

/** A connection that can be given up at once, whatever its other end does. */
export interface Line {
  client: pg.Client
  /** Rejects when the connection has ended. */
  ended: Promise<never>
  giveUp(reason?: Error): void
}

/**
 * @param patienceMs when to take it that PostgreSQL will not answer
 * @param name what the sessions of PostgreSQL show
 */
export function openLine(url: string, patienceMs: number, name: string): Line {
  const socket = new Socket()
  const client = new pg.Client({
    connectionString: url,
    stream: () => socket,
    connectionTimeoutMillis: patienceMs,
    query_timeout: patienceMs,
    application_name: name,
    keepAlive: true,
  })
  let why = new Error('the connection has ended')
  client.on('error', () => {})
  const ended = new Promise<never>((_resolve, reject) => client.once('end', () => reject(why)))
  // Nobody waits for it yet when it is lost early.
  ended.catch(() => {})
  return {
    client,
    ended,
    giveUp(reason = why) {
      why = reason
      socket.destroy()
    },
  }
}
