import { OperatorError } from '../lifecycle/operator-error.js'
import { sqlStateOf } from './errors.js'
import type { Queryable } from './query.js'
import { sessionOptions } from './session.js'
import { SessionClient, type SessionConfig } from './session-client.js'

/** SQLSTATE of a function that the role may not call. Every role may call this one, unless the right was revoked. */
const insufficientPrivilege = '42501'

/** Time for the answer (milliseconds). */
const answerMs = 1_000

/** A standby has the identifier of its primary. */
const identityOfDatabase = `
  SELECT system_identifier::text || '/' || oid AS identity FROM pg_control_system(), pg_database
  WHERE datname = current_database()`

/** Returns what tells a database from every other one, and is the same on a standby; null if the role may not know. */
export async function identify(server: Queryable): Promise<string | null> {
  try {
    const statement = { text: identityOfDatabase, query_timeout: answerMs }
    const { rows } = await server.query<{ identity: string }>(statement)
    return rows.map(({ identity }) => identity).join()
  } catch (error) {
    if (sqlStateOf(error) !== insufficientPrivilege) throw error
    return null
  }
}

/** Returns whether two servers have the same database. If that cannot be told, they count as having it. */
export async function haveSameDatabase(one: Queryable, other: Queryable): Promise<boolean> {
  const [identity, otherIdentity] = [await identify(one), await identify(other)]
  return identity === null || otherIdentity === null || identity === otherIdentity
}

/**
 * Requires that DATABASE_URL and DATABASE_DIRECT_URL lead to the same database. Otherwise the migrations and the commands
 * would change another database than the one that the service uses.
 *
 * @throws OperatorError
 */
export async function requireSameDatabase(url: string, directUrl: string): Promise<void> {
  if (url === directUrl) return
  // A pooler would refuse the settings of a session of PostgreSQL's own.
  const isSame = await usingConnection({ url, isOwn: false }, (one) =>
    usingConnection({ url: directUrl, isOwn: false }, (other) => haveSameDatabase(one, other)),
  )
  if (!isSame) throw new OperatorError('DATABASE_DIRECT_URL leads to another database than DATABASE_URL')
}

/** Calls a function with a connection that is not prepared as a session of the service. */
export async function usingConnection<T>(
  session: SessionConfig,
  use: (connection: SessionClient) => Promise<T>,
): Promise<T> {
  const connection = new SessionClient(sessionOptions(session))
  // Without a listener the loss of the connection would end the process. The interrupted query fails anyway.
  connection.on('error', () => {})
  await connection.connect()
  try {
    return await use(connection)
  } finally {
    await connection.end()
  }
}
