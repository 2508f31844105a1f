/** What one of PostgreSQL's programs says is wrong: its first complaint or, without one, the last line. */
export function findReason(log: string): string {
  const complaint = /(?:FATAL|PANIC|initdb: error|postgres): +(.*)/.exec(log)
  return complaint?.[1] ?? log.trim().replace(/^.*\n/s, '')
}
