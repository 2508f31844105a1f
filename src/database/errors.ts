import { NodeFailure } from './node-failure.js'
import { lostConnection } from './servers/connection.js'
import { NoUsableServer, UnsuitableServer } from './servers/servers.js'
import { InvalidSession } from './session.js'
import { queryTimeoutMessage } from './session-client.js'
import { isStalePlan } from './stale-plan.js'

/** Error codes of a database that is unavailable. */
const unavailableCodes = new Set([
  // Prisma: unreachable, timed out, connection closed, pool exhausted, transaction timed out, deadlock, too many
  // connections
  'P1001',
  'P1002',
  'P1008',
  'P1017',
  'P2024',
  'P2028',
  'P2034',
  'P2037',
  // Node.js
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EAI_FAIL',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  // It is the first of several errors where a name has an address of IPv6, and the machine has none.
  'EADDRNOTAVAIL',
])

/**
 * SQLSTATEs of a database that is unavailable: connection exceptions, read-only, transaction timeouts, serialization
 * failures and deadlocks, lock timeouts, insufficient resources, cancellation or shutdown, and system errors.
 */
const unavailableStates = /^(08...|25006|25P0[34]|40001|40003|40P01|55P03|53...|57...|58...)$/

/**
 * SQLSTATEs that mean that no statement reaches the database: connection exceptions, refused access, too many connections,
 * shutdown and start. The other states above concern single statements.
 */
const outageStates = /^(08...|28...|3D000|53300|57P0[1-5])$/

/** SQLSTATEs with which a server refuses a role, its password, or its access to the database. */
const refusedStates = /^(28...|3D000)$/

/** Codes of Node.js for a certificate that it does not accept, and for other failures of TLS. */
const tlsCodes = /CERT|^UNABLE_TO_|^INVALID_(CA|PURPOSE)$|^ERR_(SSL|TLS)_|^EPROTO$/

/** Kind of such a failure by Prisma's driver adapter. */
const tlsKind = 'TlsConnectionError'

/** Messages of pg about a server with another authentication or without TLS, whose errors carry no code. */
const refusedMessages = /SASL: |Unknown authenticationOk message type|SSL connection/

/** Kinds of errors of Prisma's driver adapter that stand for an unavailable database, where there is no code. */
const unavailableKinds = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
])

/** Messages of pg and its pool, whose errors carry no code. PostgreSQL's own messages may be in any language. */
export const connectTimeoutMessage = 'timeout exceeded when trying to connect'
const unavailableMessages = new RegExp(
  [
    queryTimeoutMessage,
    'Connection terminated',
    connectTimeoutMessage,
    '^timeout expired$',
    'Client has encountered a connection error',
    'Client was closed and is not queryable',
  ].join('|'),
)

/** Codes, SQLSTATEs, kinds and messages after which a statement that was sent may have been executed. */
const unknownCodes = new Set(['P1008', 'P1017', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'])
const unknownStates = /^(08003|08006|08007|40003|57P01|57P02)$/
const unknownKinds = new Set(['ConnectionClosed', 'SocketTimeout'])
const unknownMessages = new RegExp(`${queryTimeoutMessage}|${lostConnection}`)

/** SQLSTATE of a duplicate value. */
export const uniqueViolation = '23505'

/** SQLSTATE of a reference to a missing row. */
const foreignKeyViolation = '23503'

/** SQLSTATE of our trigger that keeps the last administrator from being removed. */
export const lastAdministrator = 'LK001'

/** Pattern of SQLSTATEs. They contain a digit, unlike EPIPE, and do not begin like Prisma's P1000 and later. */
const sqlState = /^(?!P[1-9])(?=.*\d)[0-9A-Z]{5}$/

/** Properties of the errors of pg, Prisma's client and Prisma's driver adapter. */
interface DatabaseError extends Error {
  code?: string
  syscall?: string
  meta?: { driverAdapterError?: { cause?: AdapterCause } }
  cause?: Error | AdapterCause
}

interface AdapterCause {
  kind?: string
  originalCode?: string
  constraint?: { index?: string }
}

/** Returns the SQLSTATE of an error of PostgreSQL, or undefined. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  if (error instanceof NodeFailure) return error.sqlState
  const { code } = error as DatabaseError
  return adapterCauseOf(error).originalCode ?? (code !== undefined && sqlState.test(code) ? code : undefined)
}

/** Thrown for a reference to a missing row where no foreign key of the database checks it. */
export class ForeignKeyViolation extends Error {
  readonly code = foreignKeyViolation
  /** Name that the foreign key would have. */
  readonly constraint: string

  constructor(constraint: string) {
    super(`a row that ${constraint} requires is missing`)
    this.constraint = constraint
  }
}

/** Returns the foreign key that a write would have violated, because the row that it refers to was deleted; or undefined. */
export function violatedForeignKey(error: unknown): string | undefined {
  if (sqlStateOf(error) !== foreignKeyViolation) return undefined
  const { constraint } = error as { constraint?: string }
  return constraint ?? adapterCauseOf(error as Error).constraint?.index
}

/** Returns whether an error means that the database is unavailable, rather than that a statement is wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, message, cause } = error as DatabaseError
  return (
    isAccessRefused(error) ||
    error instanceof NodeFailure ||
    error instanceof NoUsableServer ||
    error instanceof UnsuitableServer ||
    unavailableCodes.has(String(code)) ||
    unavailableStates.test(String(sqlStateOf(error))) ||
    unavailableKinds.has(String(adapterCauseOf(error).kind)) ||
    unavailableMessages.test(message) ||
    isStalePlan(error) ||
    isMissingSocket(error as DatabaseError) ||
    isDatabaseUnavailable(cause)
  )
}

/**
 * Returns whether the database refuses every connection until an operator changes something, such as a password, a certificate
 * or the settings of the role. A start ends then; a service that runs waits for it.
 */
export function isAccessRefused(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, message, cause } = error as DatabaseError
  return (
    error instanceof InvalidSession ||
    refusedStates.test(String(sqlStateOf(error))) ||
    tlsCodes.test(String(code)) ||
    adapterCauseOf(error).kind === tlsKind ||
    refusedMessages.test(message) ||
    isAccessRefused(cause)
  )
}

/** Returns whether an error means that the database cannot be reached at all, and not only that one statement failed. */
export function isOutage(error: unknown): boolean {
  const state = sqlStateOf(error)
  return (
    isDatabaseUnavailable(error) &&
    !(error instanceof InvalidSession) &&
    !(error instanceof NodeFailure) &&
    !isStalePlan(error) &&
    (state === undefined || outageStates.test(state))
  )
}

/** SQLSTATEs of a statement, a wait for a lock or a transaction that a time limit has ended. */
const timeoutStates = /^(57014|55P03|25P04)$/

/** Returns whether a time limit has ended a statement: one of PostgreSQL, or that of the client for the answer. */
export function isTimeout(error: unknown): boolean {
  return isAnswerTimeout(error) || timeoutStates.test(String(sqlStateOf(error)))
}

/** Returns whether the time limit of the client has ended a statement. */
export function isAnswerTimeout(error: unknown): boolean {
  return error instanceof Error && error.message.includes(queryTimeoutMessage)
}

/** Returns whether a Unix socket is missing, which the server creates when it starts. A missing file has the same code. */
function isMissingSocket({ code, syscall }: DatabaseError): boolean {
  return code === 'ENOENT' && syscall === 'connect'
}

/**
 * Returns whether a statement was sent and its response lost, so that it may have been executed. After any other error of an
 * unavailable database, nothing was changed and nothing will be.
 */
export function isOutcomeUnknown(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, message, cause } = error as DatabaseError
  return (
    unknownCodes.has(String(code)) ||
    unknownStates.test(String(sqlStateOf(error))) ||
    unknownKinds.has(String(adapterCauseOf(error).kind)) ||
    unknownMessages.test(message) ||
    isOutcomeUnknown(cause)
  )
}

/** Returns the description of an error by Prisma's driver adapter: in its own error, or within that of the client. */
function adapterCauseOf(error: Error): AdapterCause {
  const { meta, cause } = error as DatabaseError
  return meta?.driverAdapterError?.cause ?? (cause instanceof Error ? {} : cause) ?? {}
}
