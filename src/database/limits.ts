/** Time limits of the layers between a client and a lock in PostgreSQL, in milliseconds, from the innermost outward. */
export interface Limits {
  /** Waiting for a lock (`lock_timeout`). */
  lockMs: number
  /** Waiting for a connection of the pool, or for PostgreSQL to accept one. */
  connectionMs: number
  /** One statement (`statement_timeout`). */
  statementMs: number
  /** Waiting for the response to a statement, after which the connection is destroyed. */
  answerMs: number
  /** All statements of an import of items. The transaction has time left to roll back or to end its last statement. */
  importMs: number
  /** One transaction (`transaction_timeout`, PostgreSQL 17 or later). */
  transactionMs: number
  /** One transaction, as measured by Prisma's client. */
  clientTransactionMs: number
  /** Receiving a whole request. */
  receiveMs: number
  /** Receiving and answering a request that changes something. */
  requestMs: number
  /** Inactivity of a client's connection. */
  socketMs: number
}

/** Margin by which an outer layer waits longer than an inner one, so that the inner one reports what happened. */
const graceMs = 1_000

/** Time for receiving a request, which does not depend on the database. */
const receiveMs = 20_000

/**
 * Derives the limits from DATABASE_TIMEOUT_SECONDS, each longer than those beneath it. A request loads its caller by one
 * statement and does the rest in a transaction, and may have to wait for a connection for each.
 */
export function limitsOf(timeoutSeconds: number): Limits {
  const statementMs = timeoutSeconds * 1_000
  const connectionMs = statementMs / 2
  const answerMs = statementMs + graceMs
  const transactionMs = statementMs * 2
  const importMs = statementMs * 1.5
  const clientTransactionMs = transactionMs + graceMs
  const requestMs = receiveMs + connectionMs + answerMs + connectionMs + clientTransactionMs
  return {
    lockMs: statementMs / 2,
    connectionMs,
    statementMs,
    answerMs,
    importMs,
    transactionMs,
    clientTransactionMs,
    receiveMs,
    requestMs,
    socketMs: requestMs + 5 * graceMs,
  }
}
