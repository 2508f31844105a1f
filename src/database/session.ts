import type pg from 'pg'

/**
 * Whether a connection is a session of PostgreSQL's own. A pooler in between lets another process serve each
 * transaction, so that what a session keeps (statements that it has prepared, channels that it listens to) gets lost.
 */
export async function isOwnSession(connection: pg.Client): Promise<boolean> {
  const { processID } = connection as pg.Client & { processID?: number }
  const { rows } = await connection.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid === processID
}
