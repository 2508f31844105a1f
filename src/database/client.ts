import { PrismaPg } from '@prisma/adapter-pg'
import { schemaOf } from '../config/database-url.js'
import { retryableOnce } from '../lifecycle/once.js'
import { retryConflictingStatements, retryConflicts } from './conflicts.js'
import { Prisma, PrismaClient } from './generated/client.js'
import { type Limits, limitsOf } from './limits.js'
import { nameStatements, type Queryable, type QueryTarget } from './query.js'
import { preferReplica, type ReplicaReads } from './replica.js'
import { openSessionPool } from './session.js'
import { retryStalePlans } from './stale-plan.js'

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
  /** URL of PostgreSQL itself, even if the pool leads to a pooler in front of it. */
  directUrl: string
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
 * Opens pools to PostgreSQL and its replica. No connection is made before the first query.
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
  const { connectionMs, answerMs, clientTransactionMs } = limits
  const isOwn = directUrl === url
  const session = { url, isOwn, limits, connectionMs, answerMs }
  const pool = openSessionPool(session, size)
  const replica =
    replicaUrl === undefined
      ? null
      : openSessionPool({ ...session, url: replicaUrl, isOwn: true, connectionMs: replicaConnectMs }, size)
  const reads = replica && preferReplica(replica, pool, { maxLagMs: maxLagSeconds * 1_000 })
  retryStalePlans(pool)
  retryConflictingStatements(pool)
  if (replica) retryStalePlans(replica)
  const client = new PrismaClient({
    adapter: new PrismaPg(pool, { schema: schemaOf(url) }),
    errorFormat: 'minimal',
    transactionOptions: { maxWait: connectionMs, timeout: clientTransactionMs },
  })
  const { $transaction: begin } = client
  // Transactions inherit it: one within another, which is a part of that, is not retried alone.
  function transact<T>(this: PrismaClient, change: (transaction: Transaction) => Promise<T>): Promise<T> {
    const attempt = () => begin.call(this, change) as Promise<T>
    return this === client ? retryConflicts(attempt) : attempt()
  }
  const disconnect = client.$disconnect.bind(client)
  const close = retryableOnce(async function closeAll() {
    await disconnect()
    await Promise.all([pool.end(), replica?.end()])
  })
  return Object.assign(client, {
    pool,
    readPool: reads ?? pool,
    replica: reads,
    nameStatement: isOwn ? nameStatements() : () => undefined,
    directUrl,
    limits,
    transactOnce: begin.bind(client) as Transact,
    $transaction: transact as PrismaClient['$transaction'],
    $disconnect: close,
  })
}
