/**
 * End of life of the Node.js release lines since the oldest that can run Latchkey, after which a line gets no security fixes.
 *
 * @see https://github.com/nodejs/Release/blob/main/schedule.json
 */
const endOfLife: Record<number, string> = {
  20: '2026-04-30',
  21: '2024-06-01',
  22: '2027-04-30',
  23: '2025-06-01',
  24: '2028-04-30',
  25: '2026-06-01',
  26: '2029-04-30',
}

/**
 * Returns the last day on which a version of Node.js is supported, as `YYYY-MM-DD` in UTC, or null for a release line that is
 * not known here.
 *
 * @param version such as `24.1.0`
 */
export function lastSupportedDay(version: string): string | null {
  return endOfLife[Number.parseInt(version, 10)] ?? null
}
