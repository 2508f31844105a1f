import pg from 'pg'
import { driverUrl, schemaOf } from '../config/database-url.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { detached } from '../tracing/span.js'
import { leaveFormerServers } from './servers/pool.js'
import { serversOf } from './servers/servers.js'
import {
  defaultConnectionMs,
  SessionClient,
  type SessionConfig,
  type SessionOptions,
} from './session-client.js'
import { requiredSettings } from './session-settings.js'

/** Thrown for a session with a wrong setting that cannot be changed here, such as one behind a pooler. */
export class InvalidSession extends OperatorError {}

/** A setting with a value that our statements cannot work with. */
interface Difference {
  role: string
  name: string
  value: string | null
  needed: string
}

/** Returns the options for pg's client or pool from which every session is made; `prepareSession` completes it. */
export function sessionOptions(session: SessionConfig): SessionOptions {
  const {
    url,
    servers = serversOf(url),
    connectionMs = defaultConnectionMs,
    answerMs,
    applicationName,
  } = session
  return {
    connectionString: driverUrl(url),
    connectionTimeoutMillis: connectionMs,
    ...(answerMs !== undefined && { query_timeout: answerMs }),
    ...(applicationName !== undefined && { application_name: applicationName }),
    session: { ...session, servers },
  }
}

/** Creates a pool of sessions. */
export function openSessionPool(session: SessionConfig, size?: number): pg.Pool {
  const options = sessionOptions(session)
  const pool = new pg.Pool({
    ...options,
    ...(size !== undefined && { max: size }),
    Client: SessionClient as unknown as NonNullable<pg.PoolConfig['Client']>,
    onConnect: (client) => detached(() => prepareSession(client, session)),
  })
  // Without a listener the loss of an idle connection would end the process. The pool replaces the connection.
  pool.on('error', () => {})
  // A session has no listener of its own either while the pool hands it over to a transaction that has waited for it.
  pool.on('connect', (client) => client.on('error', () => {}))
  leaveFormerServers(pool, options.session.servers)
  return pool
}

/** Opens a session outside of any pool; the caller ends it. @throws InvalidSession */
export async function openSession(session: SessionConfig): Promise<pg.Client> {
  const client = new SessionClient(sessionOptions(session))
  // Without a listener the loss of the connection would end the process. The interrupted query fails anyway.
  client.on('error', () => {})
  await client.connect()
  await prepareSession(client, session).catch(async (error: Error) => {
    await client.end()
    throw error
  })
  return client
}

/**
 * Completes a session that has just connected: checks the required settings, and changes those that only some versions
 * of PostgreSQL have or that depend on their current values.
 *
 * @throws InvalidSession if a required setting is wrong
 */
export async function prepareSession(client: pg.ClientBase, session: SessionConfig): Promise<void> {
  const { url, isOwn = true, limits, connectionMs = defaultConnectionMs } = session
  const needed = { ...requiredSettings, session_replication_role: 'origin' }
  const { rows } = await client.query<Difference>({
    text: `
      SELECT current_user AS role, name, current_setting(name) AS value, needed
      FROM unnest($1::text[], $2::text[]) AS setting (name, needed) WHERE current_setting(name) <> needed
      UNION ALL
      SELECT current_user, 'search_path', current_setting('search_path'), quote_ident($3)
      WHERE current_schema() IS DISTINCT FROM $3 AND NOT $4`,
    values: [Object.keys(needed), Object.values(needed), schemaOf(url), isOwn],
    query_timeout: connectionMs,
  } as pg.QueryConfig)
  const [wrong] = rows
  if (wrong) throw new InvalidSession(explain(wrong))
  if (!isOwn) return
  await client.query({
    text: `
      SELECT set_config(name, value, false)
      FROM (VALUES ('transaction_timeout', $1), ('synchronous_commit', 'on')) AS setting (name, value)
      WHERE CASE name WHEN 'synchronous_commit' THEN current_setting(name) = 'off'
        ELSE current_setting(name, true) IS NOT NULL END`,
    values: [String(limits?.transactionMs ?? 0)],
    query_timeout: connectionMs,
  } as pg.QueryConfig)
}

function explain({ role, name, value, needed }: Difference): string {
  const change = `ALTER ROLE ${role} SET ${name} = ${pg.escapeLiteral(needed)}`
  return `sessions of the database have ${name} ${value}, but ${needed} is required: ${change}`
}
