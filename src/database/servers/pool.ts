import type pg from 'pg'
import type { ServerClient } from './client.js'
import type { Servers } from './servers.js'

/** A session in a pool. */
type Session = pg.PoolClient & ServerClient

/**
 * Keeps the sessions of a pool on the server that is used: when that changes, sessions on others are closed, those in use when they
 * are released. A failed server would let each of them wait in vain, and standbys differ in how far behind they are.
 */
export function leaveFormerServers(pool: pg.Pool, servers: Servers): void {
  const idle = new Set<Session>()
  const isFormer = ({ server }: Session) => server !== servers.current

  pool.on('acquire', (client) => idle.delete(client as Session))
  pool.on('remove', (client) => idle.delete(client as Session))
  pool.on('release', (_error, client) => {
    const session = client as Session
    if (isFormer(session)) void session.end()
    else idle.add(session)
  })
  servers.onChange(function closeIdle() {
    for (const session of [...idle].filter(isFormer)) {
      // The pool removes a session that emits an error.
      session.emit('error', new Error('its server is not used any more'))
      // Otherwise the socket would wait for a server that does not answer.
      session.destroy()
    }
  })
}
