import pg from 'pg'
import { driverUrl, schemaOf } from '../config/database-url.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import type { Limits } from './limits.js'
import { poolerSettings } from './pooler.js'
import { limitSettings, operatingSettings, requiredSettings, toOptions } from './session-settings.js'
import { isStalePlan, StalePlan } from './stale-plan.js'

/** Message of pg's error for a statement that is not answered in time. */
export const queryTimeoutMessage = 'Query read timeout'

/** Default time for PostgreSQL to accept a connection (milliseconds). */
const defaultConnectionMs = 5_000

/** Options of a connection. */
export interface SessionConfig {
  url: string
  /** Whether the connection is a session of PostgreSQL's own. Behind a pooler other clients share its settings. */
  isOwn?: boolean
  /** Time limits of statements. Migrations have none. */
  limits?: Limits
  /** Time for PostgreSQL to accept the connection (milliseconds). */
  connectionMs?: number
  /** Time for the answer to a statement (milliseconds). */
  answerMs?: number
  /** Application name that PostgreSQL's views show. */
  applicationName?: string
  stream?: NonNullable<pg.ClientConfig['stream']>
}

/** Thrown for a session with a wrong setting that cannot be changed here, such as one behind a pooler. */
export class InvalidSession extends OperatorError {}

/** A setting with a value that our statements cannot work with. */
interface Difference {
  role: string
  name: string
  value: string | null
  needed: string
}

/** Parts of pg's client that its type declarations leave out. */
interface Internals {
  connectionParameters: { query_timeout?: number | false }
  getStartupConf(this: unknown): Record<string, string>
  query(this: unknown, ...given: unknown[]): unknown
}

const prototype = pg.Client.prototype as unknown as Internals

/** Options of pg's client and pool, with those of our session. */
export type SessionOptions = pg.PoolConfig & { session: SessionConfig }

/** Returns the options for pg's client or pool from which every session is made; `prepareSession` completes it. */
export function sessionOptions(session: SessionConfig): SessionOptions {
  const { url, connectionMs = defaultConnectionMs, answerMs, applicationName, stream } = session
  return {
    connectionString: driverUrl(url),
    connectionTimeoutMillis: connectionMs,
    keepAlive: true,
    ...(answerMs !== undefined && { query_timeout: answerMs }),
    ...(applicationName !== undefined && { application_name: applicationName }),
    ...(stream && { stream }),
    session,
  }
}

/** Creates a pool of sessions. */
export function openSessionPool(session: SessionConfig, size?: number): pg.Pool {
  const pool = new pg.Pool({
    ...sessionOptions(session),
    ...(size !== undefined && { max: size }),
    Client: SessionClient as unknown as NonNullable<pg.PoolConfig['Client']>,
    onConnect: (client) => prepareSession(client, session),
  })
  // Without a listener the loss of an idle connection would end the process. The pool replaces the connection.
  pool.on('error', () => {})
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

/** pg's client, which starts sessions with our settings and ends those whose server does not answer in time. */
export class SessionClient extends pg.Client {
  readonly #session: SessionConfig

  constructor(options: SessionOptions) {
    super(options)
    this.#session = options.session
    // Otherwise a parameter of the URL would take precedence.
    const internals = this as unknown as Internals
    internals.connectionParameters.query_timeout = options.query_timeout ?? false
    endWithBrokenStatements(this)
  }

  /** Returns the startup message: the options of the URL, then ours, which override them. */
  protected getStartupConf(): Record<string, string> {
    const given = prototype.getStartupConf.call(this)
    if (this.#session.isOwn === false) return { ...given, ...poolerSettings }
    const limits = limitSettings(this.#session.limits)
    const others = Object.entries(given).filter(([name]) => !(name in limits))
    const ours = {
      ...requiredSettings,
      ...operatingSettings,
      ...limits,
      search_path: pg.escapeIdentifier(schemaOf(this.#session.url)),
    }
    const options = [given.options, toOptions(ours)].filter(Boolean).join(' ')
    return { ...Object.fromEntries(others), options }
  }
}

/**
 * Makes a session end when a statement of a transaction is not answered in time or has a stale plan. Prisma would return
 * the session to the pool, where the statement might still be executed, and committed by the next request.
 */
function endWithBrokenStatements(client: pg.Client): void {
  const query: Internals['query'] = function queryOrEnd(...given) {
    const answer = prototype.query.apply(client, given)
    return answer instanceof Promise ? answer.catch(endIfBroken) : answer
  }
  Object.assign(client, { query })

  function endIfBroken(error: Error): never {
    if (error.message !== queryTimeoutMessage && !isStalePlan(error)) throw error
    void client.end()
    throw isStalePlan(error) ? new StalePlan(error.message) : error
  }
}

function explain({ role, name, value, needed }: Difference): string {
  const change = `ALTER ROLE ${role} SET ${name} = ${pg.escapeLiteral(needed)}`
  return `sessions of the database have ${name} ${value}, but ${needed} is required: ${change}`
}
