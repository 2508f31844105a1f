const unavailableCodes = new Set([
  // Prisma: cannot reach, timed out, closed the connection, pool exhausted, too many connections
  ...['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037'],
  // Node.js
  ...['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'],
])

/** The last one is pg-pool's, whose errors carry no code. */
const unavailableMessages =
  /terminating connection|Connection terminated|the database system is|timeout exceeded when trying to connect/

/** Whether an error says that PostgreSQL cannot serve us now, rather than that we asked for something wrong. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as { code?: unknown }
  return unavailableCodes.has(String(code)) || unavailableMessages.test(error.message)
}
