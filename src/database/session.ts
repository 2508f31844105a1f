import pg from 'pg'
import { OperatorError } from '../lifecycle/operator-error.js'
import type { Limits } from './limits.js'
import { isStalePlan, StalePlan } from './stale-plan.js'
import { schemaOf } from './url.js'

/**
 * Settings that decide what our statements mean. A role, a database or a server may have other defaults: with another
 * TimeZone, for one, Prisma's adapter, which sends and reads times without their zone, would store wrong ones.
 */
const requiredSettings = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  bytea_output: 'hex',
  array_nulls: 'on',
  transform_null_equals: 'off',
  extra_float_digits: '1',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
}

/** Those of them that a pooler takes over from its clients. */
const { TimeZone, DateStyle, client_encoding } = requiredSettings
const poolerSettings = { TimeZone, DateStyle, client_encoding }

/** Settings of which other values would end sessions, or slow them down. */
const operatingSettings = {
  exit_on_error: 'off',
  idle_session_timeout: '0',
  // PostgreSQL compiles statements that it expects to take long; compiling then takes longer than they do.
  jit: 'off',
}

/** Message of pg's error for a server that does not answer a statement in time. */
export const queryTimeoutMessage = 'Query read timeout'

/** Time for PostgreSQL to accept a connection, unless the caller has another (milliseconds). */
const defaultConnectionMs = 5_000

/** How a connection is made. */
export interface SessionConfig {
  url: string
  /** Whether a connection is a session of its own: behind a pooler its settings are others' too. */
  isOwn?: boolean
  /** Without them a statement may take any time, as migrations do. */
  limits?: Limits
  /** Time for PostgreSQL to accept the connection (milliseconds). */
  connectionMs?: number
  /** Time for the answer to a statement (milliseconds). */
  answerMs?: number
  /** Name that PostgreSQL's views show. */
  applicationName?: string
  stream?: NonNullable<pg.ClientConfig['stream']>
}

/** A session that lacks what our statements depend on, where it is not ours to set. */
export class UnfitSession extends OperatorError {}

/** A setting that is not as our statements need it. */
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

/** Options of pg's client, and of its pool, for sessions of ours. */
export type SessionOptions = pg.PoolConfig & { session: SessionConfig }

/** Options for pg's client or pool, from which every session of ours is made; `prepareSession` completes it. */
export function sessionOptions(session: SessionConfig): SessionOptions {
  const { url, connectionMs = defaultConnectionMs, answerMs, applicationName, stream } = session
  return {
    connectionString: url,
    connectionTimeoutMillis: connectionMs,
    keepAlive: true,
    ...(answerMs !== undefined && { query_timeout: answerMs }),
    ...(applicationName !== undefined && { application_name: applicationName }),
    ...(stream && { stream }),
    session,
  }
}

/** A pool of such sessions. */
export function openSessionPool(session: SessionConfig, size?: number): pg.Pool {
  const pool = new pg.Pool({
    ...sessionOptions(session),
    ...(size !== undefined && { max: size }),
    Client: SessionClient as unknown as NonNullable<pg.PoolConfig['Client']>,
    onConnect: (client) => prepareSession(client, session),
  })
  // Without a listener the end of an idle connection would end the process; the pool makes another one.
  pool.on('error', () => {})
  return pool
}

/** Connects outside of any pool; the caller ends the session. @throws UnfitSession */
export async function openSession(session: SessionConfig): Promise<pg.Client> {
  const client = new SessionClient(sessionOptions(session))
  // Without a listener the end of the connection would end the process; the query that it interrupts fails anyway.
  client.on('error', () => {})
  await client.connect()
  await prepareSession(client, session).catch(async (error: Error) => {
    await client.end()
    throw error
  })
  return client
}

/**
 * Completes a session that has just been connected: settings that only some versions of PostgreSQL know, or that depend
 * on what is there.
 *
 * @throws UnfitSession where one that our statements depend on is wrong all the same
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
  if (wrong) throw new UnfitSession(explain(wrong))
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

/**
 * Whether a connection is a session of PostgreSQL's own. A pooler in between lets another process serve each
 * transaction, so that what a session keeps (statements that it has prepared, channels that it listens to) gets lost.
 */
export async function isOwnSession(connection: pg.ClientBase): Promise<boolean> {
  const { processID } = connection as pg.ClientBase & { processID?: number }
  const { rows } = await connection.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
  return rows[0]?.pid === processID
}

/** pg's client, which begins sessions as we need them, and ends one whose server is silent for too long. */
export class SessionClient extends pg.Client {
  readonly #session: SessionConfig

  constructor(options: SessionOptions) {
    super(options)
    this.#session = options.session
    // The URL's own parameter would win.
    const internals = this as unknown as Internals
    internals.connectionParameters.query_timeout = options.query_timeout ?? false
    endWithBrokenStatements(this)
  }

  /** Overrides the first message of pg's client: the options of the URL, and after them those that override them. */
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
    const options = [given.options, ...Object.entries(ours).map(toOption)].filter(Boolean).join(' ')
    return { ...Object.fromEntries(others), options }
  }
}

/**
 * Has a session end with a statement of a transaction that hangs, or whose plan is stale. Prisma would give it back to the
 * pool, where the statement might still be carried out, and be committed by the next request that gets the session.
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

function limitSettings(limits: Limits | undefined): Record<string, string> {
  return {
    statement_timeout: String(limits?.statementMs ?? 0),
    lock_timeout: String(limits?.lockMs ?? 0),
    idle_in_transaction_session_timeout: String(limits?.statementMs ?? 0),
  }
}

/** A setting as PostgreSQL reads it from the options of a connection. */
function toOption([name, value]: [string, string]): string {
  return `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`
}

function explain({ role, name, value, needed }: Difference): string {
  const change = `ALTER ROLE ${role} SET ${name} = ${pg.escapeLiteral(needed)}`
  return `sessions of the database have ${name} ${value}, and ${needed} is needed: ${change}`
}
