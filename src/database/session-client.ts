import pg from 'pg'
import { schemaOf } from '../config/database-url.js'
import type { Limits } from './limits.js'
import { recognizeNodeFailure } from './node-failure.js'
import { poolerSettings } from './pooler.js'
import { ServerClient } from './servers/client.js'
import type { Servers } from './servers/servers.js'
import { limitSettings, operatingSettings, requiredSettings, toOptions } from './session-settings.js'
import { isStalePlan, StalePlan } from './stale-plan.js'
import { type StatementLog, timeStatements } from './statement-log.js'
import { traceStatement } from './traced-statements.js'
import { watchCommits } from './unreplicated-commit.js'

/** Message of pg's error for a statement that is not answered in time. */
export const queryTimeoutMessage = 'Query read timeout'

/** Default time for PostgreSQL to accept a connection (milliseconds). */
export const defaultConnectionMs = 5_000

/** Options of a connection. */
export interface SessionConfig {
  url: string
  /** The servers of the URL, by default those that can be written to. Sessions that share them begin with the one usable last. */
  servers?: Servers
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
  /** Receives each statement. */
  statements?: StatementLog
}

/** Parts of pg's client that its type declarations leave out. */
interface Internals {
  connectionParameters: { query_timeout?: number | false }
  getStartupConf(this: unknown): Record<string, string>
  query(this: unknown, ...given: unknown[]): unknown
}

const prototype = pg.Client.prototype as unknown as Internals

/** Options of pg's client and pool, with those of our session. */
export type SessionOptions = pg.PoolConfig & { session: SessionConfig & { servers: Servers } }

/** pg's client, which starts sessions with our settings and ends those whose server does not answer in time. */
export class SessionClient extends ServerClient {
  readonly #session: SessionConfig

  constructor(options: SessionOptions) {
    const { servers, isOwn, connectionMs: timeoutMs = defaultConnectionMs } = options.session
    super(options, { servers, timeoutMs, asksRole: isOwn === false })
    this.#session = options.session
    // Otherwise a parameter of the URL would take precedence.
    const internals = this as unknown as Internals
    internals.connectionParameters.query_timeout = options.query_timeout ?? false
    interceptQueryErrors(this, servers)
    if (options.session.statements) timeStatements(this, options.session.statements)
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
 * Makes a session end when a statement of a transaction is not answered in time, has a stale plan or may not write. Prisma would
 * return the session to the pool, where the statement might still be executed, and committed by the next request.
 *
 * Node failures, and commits that no standby has, are recognized here as well, because errors still have all their fields here.
 */
function interceptQueryErrors(client: SessionClient, servers: Servers): void {
  const takeUnreplicated = watchCommits(client)
  const query: Internals['query'] = function queryOrEnd(...given) {
    const send = () => prototype.query.apply(client, given.map(inCallback))
    // A query with a callback is that of a pool, which has a span already.
    const answer = given.some(isFunction) ? send() : traceStatement(given, send)
    return answer instanceof Promise ? answer.then(requireReplication, endIfBroken) : answer
  }
  Object.assign(client, { query })

  function requireReplication<T>(result: T): T {
    const error = takeUnreplicated()
    if (error) throw error
    return result
  }

  function endIfBroken(error: Error): never {
    if (error.message !== queryTimeoutMessage && !isStalePlan(error) && !isReadOnly(error))
      throw recognize(error)
    void client.end()
    throw isStalePlan(error) ? new StalePlan(error.message) : recognize(error)
  }

  /** Makes the callback of a query by the pool, which ends the session itself, receive node failures. Returns any other argument as it is. */
  function inCallback(argument: unknown): unknown {
    if (!isFunction(argument)) return argument
    return (error: unknown, ...rest: unknown[]) => argument(recognize(error ?? takeUnreplicated()), ...rest)
  }

  /** Leaves the server if it has become read-only, as when it was the primary before a switchover. */
  function recognize<E>(error: E): E | Error {
    if (isReadOnly(error)) servers.leave(client.server)
    return recognizeNodeFailure(error)
  }
}

function isFunction(argument: unknown): argument is (...given: unknown[]) => unknown {
  return typeof argument === 'function'
}

/** SQLSTATE of a write that the server rejects because it is a standby or read-only. */
const readOnly = '25006'

function isReadOnly(error: unknown): boolean {
  return (error as { code?: unknown } | null | undefined)?.code === readOnly
}
