import { type QueryTarget, queryRows } from './query.js'

/** Returns the time by the clock of the database, which decides, as the clocks of processes may differ. */
export async function readClock(target: QueryTarget): Promise<Date> {
  const [clock] = await queryRows<{ ms: number }>(currentTime, [], target)
  return new Date((clock as { ms: number }).ms)
}

const currentTime = 'SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS ms'
