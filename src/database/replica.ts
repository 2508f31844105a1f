import type pg from 'pg'
import { isDatabaseUnavailable } from './errors.js'

/** Where a statement can be sent. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig): Promise<pg.QueryResult<Row>>
}

/** After a replica could not answer, it is not asked for so long (milliseconds). */
const usualRestMs = 5_000

/** SQLSTATEs that are about one statement only: it took too long, or stood in the way of what is replicated. */
const [cancelled, conflict] = ['57014', '40001']

/**
 * Sends statements that only read to a replica; while that cannot answer, the primary does. After a rest one statement
 * finds out whether it can again.
 */
export function preferReplica(replica: Queryable, primary: Queryable, restMs = usualRestMs): Queryable {
  let restsUntil = 0
  return {
    async query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig) {
      const now = performance.now()
      if (now < restsUntil) return primary.query<Row>(statement)
      if (restsUntil > 0) restsUntil = now + restMs
      try {
        const answer = await replica.query<Row>(statement)
        restsUntil = 0
        return answer
      } catch (error) {
        const { code = '' } = error as { code?: string }
        if (!isDatabaseUnavailable(error) || code === cancelled) throw error
        if (code !== conflict) restsUntil = now + restMs
        return primary.query<Row>(statement)
      }
    },
  }
}
