import { UnfitSession } from './session.js'

const unavailableCodes = new Set([
  // Prisma: cannot reach, timed out, closed the connection, pool exhausted, transaction timed out, deadlock, too many
  // connections
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2034', 'P2037'],
  // Node.js
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'],
])

/**
 * SQLSTATEs: connection exceptions, read-only, serialization failures and deadlocks, a lock that is not to be had, no
 * memory, disk or connection left, cancelled or shut down, and faults of the machine.
 */
const unavailableStates = /^(08...|25006|40001|40P01|55P03|53...|57...|58...)$/

/** What Prisma's driver adapter says of a raw query in the place of those codes. */
const unavailableKinds = new Set([
  'DatabaseNotReachable',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
  'TransactionWriteConflict',
])

/** PostgreSQL's, of which Prisma does not always show the code, and those of pg and its pool, which carry none. */
const unavailableMessages = new RegExp(
  [
    ...['due to (lock|statement) timeout', 'deadlock detected'],
    ...['terminating connection', 'the database system is'],
    ...['Connection terminated', 'timeout exceeded when trying to connect', 'Query read timeout'],
  ].join('|'),
)

/** SQLSTATE of a value that is there already. */
export const uniqueViolation = '23505'

/** SQLSTATE of a row that refers to one that is not there. */
const foreignKeyViolation = '23503'

/** SQLSTATE of our trigger that keeps the last administrator. */
export const lastAdministrator = 'LK001'

/** The SQLSTATE of an error that PostgreSQL answered, or undefined. */
export function sqlStateOf(error: unknown): string | undefined {
  return causeOf(error).originalCode
}

/** The foreign key that a write would have violated, or undefined: the row that it refers to has been deleted. */
export function violatedForeignKey(error: unknown): string | undefined {
  const { code, constraint } = error as { code?: string; constraint?: string }
  if (code === foreignKeyViolation) return constraint
  const cause = causeOf(error)
  return cause.originalCode === foreignKeyViolation ? cause.constraint?.index : undefined
}

/** Whether an error says that PostgreSQL cannot serve us now, rather than that we asked for something wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, message, cause } = error as Error & { code?: unknown }
  return (
    unavailableCodes.has(String(code)) ||
    unavailableStates.test(String(code)) ||
    unavailableStates.test(String(sqlStateOf(error))) ||
    unavailableKinds.has(String(causeOf(error).kind)) ||
    unavailableMessages.test(message) ||
    error instanceof UnfitSession ||
    isDatabaseUnavailable(cause)
  )
}

/** What Prisma's driver adapter says of an error. */
function causeOf(error: unknown): {
  kind?: string
  originalCode?: string
  constraint?: { index?: string }
} {
  const { meta } = error as { meta?: { driverAdapterError?: { cause?: object } } }
  return meta?.driverAdapterError?.cause ?? {}
}
