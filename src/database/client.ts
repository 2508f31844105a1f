import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { schemaOf } from '../config/database-url.js'
import { retryableOnce } from '../lifecycle/once.js'
import { retryConflictingStatements, retryConflicts } from './conflicts.js'
import { Prisma, PrismaClient } from './generated/client.js'
import { type Limits, limitsOf } from './limits.js'
import { nameStatements, type Queryable, type QueryTarget } from './query.js'
import { preferReplica, type ReplicaReads } from './replica.js'
import { type Servers, serversOf } from './servers/servers.js'
import { openSessionPool } from './session.js'
import type { SessionConfig } from './session-client.js'
import { rememberSharding, type Sharding } from './sharding.js'
import { retryStalePlans } from './stale-plan.js'
import { standIn } from './stand-in.js'
import { createStatementLog, type StatementLog } from './statement-log.js'
import { traceStatements } from './traced-statements.js'

/** The handle to PostgreSQL, which stores take as an argument and send their queries through. */
export type Database = PrismaClient & Connections

/** A transaction. The handle itself can be passed instead, as stores use only what both have. */
export type Transaction = Prisma.TransactionClient

/** Runs a transaction. */
type Transact = <T>(change: (transaction: Transaction) => Promise<T>) => Promise<T>

/** A part of a statement, with its values. */
export type Sql = Prisma.Sql

/** Creates a part of a statement for `$queryRaw` or `$executeRaw`. */
export const sql = Prisma.sql

/** Makes a fragment of a statement of constant SQL. */
export const raw = Prisma.raw

/** The connections beneath Prisma's client. */
interface Connections extends QueryTarget {
  /**
   * Runs a transaction only once. `$transaction` runs it again after a conflict with another one, so it must change nothing
   * outside the database.
   */
  transactOnce: Transact
  /** Executes reads that may be slightly out of date: a replica, or the same pool. */
  readPool: Queryable
  /** The replica, if there is one. */
  replica: ReplicaReads | null
  /** The pools by their names. */
  pools: { primary: pg.Pool; replica?: pg.Pool }
  /** Reports each statement of the pools to a listener. */
  statements: StatementLog
  /** Maximum number of connections of each pool. */
  poolSize: number
  /** Whether the items of different owners may be on different machines. */
  sharding: Sharding
  /** PostgreSQL itself, even if the pool leads to a pooler in front of it. */
  direct: { url: string; servers: Servers }
  /** Time limits of the connections, and of what waits for them. */
  limits: Limits
}

/** Settings of the connections. */
interface ConnectionSettings {
  databasePoolSize: number
  databaseTimeoutSeconds: number
  databaseDirectUrl?: string | undefined
  databaseReplicaUrl?: string | undefined
  databaseReplicaMaxLagSeconds?: number
}

/** Time for the replica to accept a connection, after which the primary is read instead (milliseconds). */
const replicaConnectMs = 1_000

/**
 * Opens pools to PostgreSQL and its replica. No connection is made before the first query, and Prisma's client not before its first
 * use.
 *
 * @param url URL of PostgreSQL; with `databaseDirectUrl`, of a pooler that gives each transaction another session
 */
export function openDatabase(settings: ConnectionSettings, url: string): Database {
  const {
    databaseDirectUrl: directUrl = url,
    databaseReplicaUrl: replicaUrl,
    databaseReplicaMaxLagSeconds: maxLagSeconds = 10,
    databasePoolSize: size,
  } = settings
  const limits = limitsOf(settings.databaseTimeoutSeconds)
  const { connectionMs, answerMs } = limits
  const isOwn = directUrl === url
  const direct = { url: directUrl, servers: serversOf(directUrl) }
  const statements = createStatementLog()
  const session = { ...(isOwn ? direct : { url }), isOwn, limits, connectionMs, answerMs, statements }
  const pool = openSessionPool(session, size)
  const replica =
    replicaUrl === undefined ? null : openSessionPool({ ...session, ...replicaOf(replicaUrl) }, size)
  const reads = replica && preferReplica(replica, pool, { maxLagMs: maxLagSeconds * 1_000 })
  retryStalePlans(pool)
  retryConflictingStatements(pool)
  if (replica) retryStalePlans(replica)
  for (const traced of [pool, replica]) if (traced) traceStatements(traced)
  const nameStatement = isOwn ? nameStatements() : () => undefined
  let client: Client | undefined
  const prisma = standIn(function openOnce() {
    client ??= openClient(new PrismaPg(pool, { schema: schemaOf(url) }), limits)
    return client
  })
  const close = retryableOnce(async function closeAll() {
    await client?.$disconnect()
    await Promise.all([pool.end(), replica?.end()])
  })
  return Object.assign(Object.create(prisma) as Client, {
    pool,
    readPool: reads ?? pool,
    replica: reads,
    pools: { primary: pool, ...(replica && { replica }) },
    statements,
    nameStatement,
    poolSize: size,
    sharding: rememberSharding({ pool, nameStatement }),
    direct,
    limits,
    $disconnect: close,
  })
}

function replicaOf(url: string): SessionConfig {
  return { url, servers: serversOf(url, 'replica'), isOwn: true, connectionMs: replicaConnectMs }
}

/** Prisma's client, whose transactions are retried. It takes 5 MB, and its query engine 25 MB on first use. */
type Client = PrismaClient & Pick<Connections, 'transactOnce'>

function openClient(adapter: PrismaPg, { connectionMs, clientTransactionMs }: Limits): Client {
  const client = new PrismaClient({
    adapter,
    errorFormat: 'minimal',
    transactionOptions: { maxWait: connectionMs, timeout: clientTransactionMs },
  })
  const { $transaction: begin } = client
  // Transactions inherit it: one within another, which is a part of that, is not retried alone.
  function transact<T>(this: PrismaClient, change: (transaction: Transaction) => Promise<T>): Promise<T> {
    const attempt = () => begin.call(this, change) as Promise<T>
    return this === client ? retryConflicts(attempt) : attempt()
  }
  return Object.assign(client, {
    transactOnce: begin.bind(client) as Transact,
    $transaction: transact as PrismaClient['$transaction'],
  })
}
