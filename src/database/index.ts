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

/** So much later than PostgreSQL should have given up a statement by itself, it does not answer at all (milliseconds). */
const graceMs = 1_000

/**
 * Opens a pool to PostgreSQL. No connection is made before the first query.
 *
 * A statement ends after `databaseTimeoutSeconds`, waiting for a connection or for a lock after half of it.
 */
export function openDatabase(
  { databasePoolSize, databaseTimeoutSeconds }: Pick<Config, 'databasePoolSize' | 'databaseTimeoutSeconds'>,
  url: string,
): Database {
  const statementMs = databaseTimeoutSeconds * 1_000
  const waitMs = statementMs / 2
  const sessionLimits = {
    statement_timeout: statementMs,
    lock_timeout: waitMs,
    idle_in_transaction_session_timeout: statementMs,
  }
  const adapter = new PrismaPg({
    connectionString: url,
    max: databasePoolSize,
    connectionTimeoutMillis: waitMs,
    query_timeout: statementMs + graceMs,
    keepAlive: true,
    options: Object.entries(sessionLimits)
      .map(([name, limit]) => `-c ${name}=${limit}`)
      .join(' '),
  })
  return new PrismaClient({ adapter, errorFormat: 'minimal' })
}
