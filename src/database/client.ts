import { PrismaPg } from '@prisma/adapter-pg'
import type { Config } from '../config/index.js'
import { retryableOnce } from '../lifecycle/once.js'
import { Prisma, PrismaClient } from './generated/client.js'
import { type Limits, limitsOf } from './limits.js'
import { nameStatements, type Queryable, type QueryTarget } from './query.js'
import { preferReplica, type ReplicaReads } from './replica.js'
import { openSessionPool } from './session.js'
import { retryStalePlans } from './stale-plan.js'
import { schemaOf } from './url.js'

/** The one handle to PostgreSQL: stores take it as an argument and send their queries through it. */
export type Database = PrismaClient & Connections

/** What stores need of the database: the handle itself, or a transaction on it. */
export type Transaction = Prisma.TransactionClient

/** Part of a statement, with its values. */
export type Sql = Prisma.Sql

/** Makes a part of a statement, to be put into a `$queryRaw` or `$executeRaw`. */
export const sql = Prisma.sql

/** What is beneath Prisma's client. */
interface Connections extends QueryTarget {
  /** Where reads go that may be a moment behind: a replica, or the same pool. */
  readPool: Queryable
  /** The replica, where there is one. */
  replica: ReplicaReads | null
  /** PostgreSQL itself, also where the pool leads to a pooler in front of it. */
  directUrl: string
  /** Time limits of the connections, and of what waits for them. */
  limits: Limits
}

/** What of the configuration the connections are made by. */
type ConnectionSettings = Pick<Config, 'databasePoolSize' | 'databaseTimeoutSeconds'> &
  Partial<Pick<Config, 'databaseDirectUrl' | 'databaseReplicaUrl' | 'databaseReplicaMaxLagSeconds'>>

/** Where a replica does not take a connection, the primary need not wait for long (milliseconds). */
const replicaConnectMs = 1_000

/**
 * Opens a pool to PostgreSQL. No connection is made before the first query.
 *
 * @param url of PostgreSQL or, with `databaseDirectUrl`, of a pooler that gives each transaction another session
 */
export function openDatabase(settings: ConnectionSettings, url: string): Database {
  const {
    databaseDirectUrl: directUrl = url,
    databaseReplicaUrl: replicaUrl,
    databasePoolSize: size,
  } = settings
  const { databaseTimeoutSeconds, databaseReplicaMaxLagSeconds: maxLagSeconds = 10 } = settings
  const limits = limitsOf(databaseTimeoutSeconds)
  const { connectionMs, answerMs, clientTransactionMs } = limits
  const isOwn = directUrl === url
  const session = { url, isOwn, limits, connectionMs, answerMs }
  const pool = openSessionPool(session, size)
  const replica =
    replicaUrl === undefined
      ? null
      : openSessionPool({ ...session, url: replicaUrl, isOwn: true, connectionMs: replicaConnectMs }, size)
  const reads = replica && preferReplica(replica, pool, { maxLagMs: maxLagSeconds * 1_000 })
  for (const each of replica ? [pool, replica] : [pool]) retryStalePlans(each)
  const client = new PrismaClient({
    adapter: new PrismaPg(pool, { schema: schemaOf(url) }),
    errorFormat: 'minimal',
    transactionOptions: { maxWait: connectionMs, timeout: clientTransactionMs },
  })
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
    $disconnect: close,
  })
}
