/** Time limits of every layer between a client and a lock in PostgreSQL, in milliseconds, from the innermost outward. */
export interface Limits {
  /** Waiting for a lock (`lock_timeout`). */
  lockMs: number
  /** Waiting for a connection of the pool, or for PostgreSQL to accept one. */
  connectionMs: number
  /** One statement (`statement_timeout`). */
  statementMs: number
  /** Silence of the server after a statement was sent: the connection is then destroyed. */
  answerMs: number
  /** One transaction (`transaction_timeout`, PostgreSQL 17 or later). */
  transactionMs: number
  /** One transaction as Prisma's client measures it. */
  clientTransactionMs: number
  /** Receiving a whole request. */
  receiveMs: number
  /** Receiving a request that changes something, and answering it. */
  requestMs: number
  /** Silence on a client's connection. */
  socketMs: number
}

/** Margin by which an outer layer waits longer than an inner one, which then is the one that says what happened. */
const graceMs = 1_000

/** Time for receiving a request, whatever the database takes. */
const receiveMs = 20_000

/**
 * Derives the limit of each layer from the one setting, so that each is longer than those beneath it. A request reads its
 * caller by one statement and does the rest in a transaction, each on a connection that it may have to wait for.
 */
export function limitsOf(timeoutSeconds: number): Limits {
  const statementMs = timeoutSeconds * 1_000
  const connectionMs = statementMs / 2
  const answerMs = statementMs + graceMs
  const transactionMs = statementMs * 2
  const clientTransactionMs = transactionMs + graceMs
  const requestMs = receiveMs + connectionMs + answerMs + connectionMs + clientTransactionMs
  return {
    lockMs: statementMs / 2,
    connectionMs,
    statementMs,
    answerMs,
    transactionMs,
    clientTransactionMs,
    receiveMs,
    requestMs,
    socketMs: requestMs + 5 * graceMs,
  }
}
