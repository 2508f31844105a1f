import { Socket } from 'node:net'
import type pg from 'pg'
import { prepareSession, SessionClient, sessionOptions } from '../session.js'

/** A connection that can be given up at once, whatever its other end does. */
export interface ListenConnection {
  client: pg.Client
  connect(): Promise<void>
  /** Rejects when the connection has ended. */
  ended: Promise<never>
  destroy(reason?: Error): void
}

/**
 * @param patienceMs when to take it that PostgreSQL will not answer
 * @param name what the sessions of PostgreSQL show
 */
export function openListenConnection(url: string, patienceMs: number, name: string): ListenConnection {
  const socket = new Socket()
  const session = {
    url,
    stream: () => socket,
    connectionMs: patienceMs,
    answerMs: patienceMs,
    applicationName: name,
  }
  const client = new SessionClient(sessionOptions(session))
  let why = new Error('the connection has ended')
  client.on('error', () => {})
  const ended = new Promise<never>((_resolve, reject) => client.once('end', () => reject(why)))
  // Nobody waits for it yet when it is lost early.
  ended.catch(() => {})
  return {
    client,
    async connect() {
      await client.connect()
      await prepareSession(client, session)
    },
    ended,
    destroy(reason = why) {
      why = reason
      socket.destroy()
    },
  }
}
