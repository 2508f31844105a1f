import { readClock } from '../../database/clock.js'
import type { QueryTarget } from '../../database/query.js'
import { CommandError, exitStatus } from '../command-error.js'

/** Units of durations (milliseconds). */
const unitMs: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Matches a time of RFC 3339. */
const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/

/** Matches a duration: a number and its unit. */
const duration = /^(\d{1,6})([smhd])$/

/**
 * Returns the lowest id of an event at a time: ids are UUIDs of version 7, which begin with the time (RFC 9562 §5.7).
 *
 * @param text a time of RFC 3339, or a duration before now, by the clock of the database
 * @throws CommandError if it is neither
 */
export async function readSince(text: string, database: QueryTarget): Promise<string> {
  const ms = await readTime(text, database)
  if (!(ms >= 0))
    throw new CommandError(
      exitStatus.usage,
      '--since must be a time such as 2026-01-31T12:00:00Z, or a duration such as 15m',
    )
  const hex = Math.floor(ms).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`
}

/** Returns a time (milliseconds since 1970), or NaN. */
async function readTime(text: string, database: QueryTarget): Promise<number> {
  const [, number, unit = ''] = duration.exec(text) ?? []
  if (number !== undefined)
    return (await readClock(database)).getTime() - Number(number) * Number(unitMs[unit])
  return time.test(text) ? Date.parse(text) : Number.NaN
}
