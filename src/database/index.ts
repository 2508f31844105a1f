import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import type { Config } from '../config.js'
import { untilDone } from '../until-done.js'
import { type Prisma, PrismaClient } from './generated/client.js'
import { preferReplica, type Queryable } from './replica.js'
import { nameStatements } from './statement.js'

/** The one handle to PostgreSQL: stores take it as an argument and send their queries through it. */
export type Database = PrismaClient & Connections

/** What stores need of the database: the handle itself, or a transaction on it. */
export type Transaction = Prisma.TransactionClient

/** What is beneath Prisma's client. */
interface Connections {
  /** The pool that the client has its connections from; see statement.ts. */
  pool: Queryable
  /** Where reads go that may be a moment behind: a replica, or the same pool. */
  readPool: Queryable
  /** The name to prepare a statement under, or none where a pooler gives the next query another session. */
  nameStatement(text: string): string | undefined
  /** PostgreSQL itself, also where the pool leads to a pooler in front of it. */
  directUrl: string
}

/** What of the configuration the connections are made by. */
type ConnectionSettings = Pick<Config, 'databasePoolSize' | 'databaseTimeoutSeconds'> &
  Partial<Pick<Config, 'databaseDirectUrl' | 'databaseReplicaUrl'>>

declare module 'fastify' {
  interface FastifyInstance {
    database: Database
  }
}

/** So much later than PostgreSQL should have given up a statement by itself, it does not answer at all (milliseconds). */
const graceMs = 1_000
/** Where a replica does not take a connection, the primary need not wait for long (milliseconds). */
const replicaConnectMs = 1_000

/**
 * Opens a pool to PostgreSQL. No connection is made before the first query.
 *
 * A statement ends after `databaseTimeoutSeconds`, waiting for a connection or for a lock after half of it.
 *
 * @param url of PostgreSQL or, with `databaseDirectUrl`, of a pooler that gives each transaction another session
 */
export function openDatabase(settings: ConnectionSettings, url: string): Database {
  const { databaseDirectUrl: directUrl = url, databaseReplicaUrl: replicaUrl } = settings
  const hasSessions = directUrl === url
  const pool = openPool(settings, url, hasSessions)
  const replica = replicaUrl === undefined ? null : openPool(settings, replicaUrl, true, replicaConnectMs)
  const client = new PrismaClient({ adapter: new PrismaPg(pool), errorFormat: 'minimal' })
  const disconnect = client.$disconnect.bind(client)
  const close = untilDone(async function closeAll() {
    await disconnect()
    await Promise.all([pool.end(), replica?.end()])
  })
  return Object.assign(client, {
    pool,
    readPool: replica ? preferReplica(replica, pool) : pool,
    nameStatement: hasSessions ? nameStatements() : () => undefined,
    directUrl,
    $disconnect: close,
  })
}

/** @param hasSessions whether a connection is a session of its own: behind a pooler its settings are others' too */
function openPool(
  settings: ConnectionSettings,
  url: string,
  hasSessions: boolean,
  connectMs = settings.databaseTimeoutSeconds * 500,
): pg.Pool {
  const { databasePoolSize, databaseTimeoutSeconds } = settings
  const statementMs = databaseTimeoutSeconds * 1_000
  const waitMs = statementMs / 2
  const sessionSettings = {
    statement_timeout: statementMs,
    lock_timeout: waitMs,
    idle_in_transaction_session_timeout: statementMs,
    // PostgreSQL compiles what it takes for long, as pages of an owner of very many items: compiling takes longer.
    jit: 'off',
  }
  const options = Object.entries(sessionSettings).map(([name, value]) => `-c ${name}=${value}`)
  const pool = new pg.Pool({
    connectionString: url,
    max: databasePoolSize,
    connectionTimeoutMillis: connectMs,
    query_timeout: statementMs + graceMs,
    keepAlive: true,
    ...(hasSessions && { options: options.join(' ') }),
  })
  // Without a listener the end of an idle connection would end the process; the pool makes another one.
  pool.on('error', () => {})
  return pool
}
