const unavailableCodes = new Set([
  // Prisma: cannot reach, timed out, closed the connection, pool exhausted, deadlock, too many connections
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2034', 'P2037'],
  // Node.js
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'],
])

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
    ...['Connection terminated', 'timeout exceeded when trying to connect'],
  ].join('|'),
)

/** Whether an error says that PostgreSQL cannot serve us now, rather than that we asked for something wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code, meta } = error as { code?: unknown; meta?: { driverAdapterError?: { cause?: unknown } } }
  const { kind } = (meta?.driverAdapterError?.cause ?? {}) as { kind?: unknown }
  return (
    unavailableCodes.has(String(code)) ||
    unavailableKinds.has(String(kind)) ||
    unavailableMessages.test(error.message)
  )
}
