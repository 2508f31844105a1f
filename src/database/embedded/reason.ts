/** Returns the reason why one of PostgreSQL's programs failed: its first error message or, without one, the last line. */
export function findReason(log: string): string {
  const message = /(?:FATAL|PANIC|initdb: error|postgres): +(.*)/.exec(log)
  return message?.[1] ?? log.trim().replace(/^.*\n/s, '')
}
