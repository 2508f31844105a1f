import { PrismaPg } from '@prisma/adapter-pg'
import type { Config } from '../config.js'
import { type Prisma, PrismaClient } from './generated/client.js'

/** The one handle to PostgreSQL: stores take it as an argument and send their queries through it. */
export type Database = PrismaClient

/** What stores need of the database: the handle itself, or a transaction on it. */
export type Transaction = Prisma.TransactionClient

declare module 'fastify' {
  interface FastifyInstance {
    database: Database
  }
}

const connectTimeoutMs = 5_000
/** A statement that the server has not given up by itself has lost its server (milliseconds). */
const statementTimeoutMs = 10_000
const answerTimeoutMs = statementTimeoutMs + 1_000
const sessionLimits = [
  `statement_timeout=${statementTimeoutMs}`,
  'lock_timeout=5000',
  'idle_in_transaction_session_timeout=10000',
]

/**
 * Opens a pool to PostgreSQL. No connection is made before the first query.
 *
 * Waiting for a connection ends after 5 s, a statement after 10 s, waiting for a lock after 5 s.
 */
export function openDatabase(config: Pick<Config, 'databasePoolSize'>, url: string): Database {
  const adapter = new PrismaPg({
    connectionString: url,
    max: config.databasePoolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    options: sessionLimits.map((limit) => `-c ${limit}`).join(' '),
  })
  return new PrismaClient({ adapter, errorFormat: 'minimal' })
}
