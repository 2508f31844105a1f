import { queryTimeoutMessage, UnfitSession } from './session.js'
import { isStalePlan } from './stale-plan.js'

const unavailableCodes = new Set([
  // Prisma: cannot reach, timed out, closed the connection, pool exhausted, transaction timed out, deadlock, too many
  // connections
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037'],
  // Node.js
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'],
])

/**
 * SQLSTATEs: connection exceptions, read-only, transactions that took too long, serialization failures and deadlocks, a
 * lock that is not to be had, no memory, disk or connection left, cancelled or shut down, and faults of the machine.
 */
const unavailableStates = /^(08...|25006|25P0[34]|40001|40003|40P01|55P03|53...|57...|58...)$/

/** What Prisma's driver adapter says of a query in the place of a code. */
const unavailableKinds = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
])

/** Messages of pg and its pool, whose errors carry no code. PostgreSQL's own may be in any language. */
const lostConnection = 'Connection terminated unexpectedly'
const unavailableMessages = new RegExp(
  [
    ...[queryTimeoutMessage, 'Connection terminated', 'timeout exceeded when trying to connect'],
    ...['Client has encountered a connection error', 'Client was closed and is not queryable'],
  ].join('|'),
)

/** Codes, SQLSTATEs, kinds and messages after which a statement that was sent may have been carried out. */
const unknownCodes = new Set(['P1008', 'P1017', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'])
const unknownStates = /^(08003|08006|08007|40003|57P01|57P02)$/
const unknownKinds = new Set(['ConnectionClosed', 'SocketTimeout'])
const unknownMessages = new RegExp(`${queryTimeoutMessage}|${lostConnection}`)

/** SQLSTATE of a value that is there already. */
export const uniqueViolation = '23505'

/** SQLSTATE of a row that refers to one that is not there. */
const foreignKeyViolation = '23503'

/** SQLSTATE of our trigger that keeps the last administrator. */
export const lastAdministrator = 'LK001'

/** SQLSTATEs: five characters with a digit, which tells EPIPE apart, and not Prisma's P1000 and later. */
const sqlState = /^(?!P[1-9])(?=.*\d)[0-9A-Z]{5}$/

/** Parts of the errors of pg, of Prisma's client and of Prisma's driver adapter. */
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

/** The SQLSTATE of an error that PostgreSQL answered, or undefined. */
export function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  const { code } = error as DatabaseError
  return adapterCauseOf(error).originalCode ?? (code !== undefined && sqlState.test(code) ? code : undefined)
}

/** The foreign key that a write would have violated, or undefined: the row that it refers to has been deleted. */
export function violatedForeignKey(error: unknown): string | undefined {
  if (sqlStateOf(error) !== foreignKeyViolation) return undefined
  const { constraint } = error as { constraint?: string }
  return constraint ?? adapterCauseOf(error as Error).constraint?.index
}

/** Whether an error says that PostgreSQL cannot serve us now, rather than that we asked for something wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, message, cause } = error as DatabaseError
  return (
    error instanceof UnfitSession ||
    unavailableCodes.has(String(code)) ||
    unavailableStates.test(String(sqlStateOf(error))) ||
    unavailableKinds.has(String(adapterCauseOf(error).kind)) ||
    unavailableMessages.test(message) ||
    isStalePlan(error) ||
    isMissingSocket(error as DatabaseError) ||
    isDatabaseUnavailable(cause)
  )
}

/** Whether a Unix socket is not there, which a server that is starting makes. A missing file has the same code. */
function isMissingSocket({ code, syscall }: DatabaseError): boolean {
  return code === 'ENOENT' && syscall === 'connect'
}

/**
 * Whether a statement was sent and no answer came, so that it may have been carried out: what was changed is known to the
 * database alone. After any other error that says that the database is unavailable, nothing was changed and nothing will be.
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

/** What Prisma's driver adapter says of an error, which it does in an error of its own or within the client's. */
function adapterCauseOf(error: Error): AdapterCause {
  const { meta, cause } = error as DatabaseError
  return meta?.driverAdapterError?.cause ?? (cause instanceof Error ? {} : cause) ?? {}
}
