import type pg from 'pg'
import { OperatorError } from '../lifecycle/operator-error.js'
import { requiredSettings } from './session-settings.js'

// Poolers such as PgBouncer, which give each transaction another session of PostgreSQL.

const { TimeZone, DateStyle, client_encoding } = requiredSettings

/** Required settings that a pooler takes over from the startup message of its client. */
export const poolerSettings = { TimeZone, DateStyle, client_encoding }

/** SQLSTATE with which a pooler refuses settings that it cannot pass on. */
const protocolViolation = '08P01'

/**
 * Returns whether a connection is a session of PostgreSQL's own. Behind a pooler another process may serve each transaction, so
 * that session state (prepared statements, LISTEN, advisory locks) gets lost.
 */
export async function isOwnSession(connection: pg.ClientBase): Promise<boolean> {
  const { processID } = connection as pg.ClientBase & { processID?: number }
  const { rows } = await connection.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid === processID
}

/** @throws PoolerInBetween unless the connection is a session of PostgreSQL's own */
export async function requireOwnSession(connection: pg.ClientBase): Promise<void> {
  if (!(await isOwnSession(connection))) throw new PoolerInBetween()
}

/** Returns whether a pooler refused the connection because of its settings. */
export function isPoolerRefusal(error: Error & { code?: string }): boolean {
  return error.code === protocolViolation
}

/** Thrown where a session of PostgreSQL's own is needed. */
export class PoolerInBetween extends OperatorError {
  constructor(cause?: Error) {
    super('DATABASE_URL leads to a pooler: set DATABASE_DIRECT_URL to PostgreSQL itself', { cause })
  }
}
