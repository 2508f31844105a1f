import type pg from 'pg'
import { isDatabaseUnavailable } from './errors.js'

/** Where a statement can be sent. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig): Promise<pg.QueryResult<Row>>
}

/** After a replica could not answer, it is not asked for so long (milliseconds). */
const restMs = 5_000

/** Sends statements that only read to a replica; while that cannot answer, the primary does. */
export function preferReplica(replica: Queryable, primary: Queryable): Queryable {
  let restsUntil = 0
  return {
    async query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig) {
      if (performance.now() < restsUntil) return primary.query<Row>(statement)
      try {
        return await replica.query<Row>(statement)
      } catch (error) {
        if (!isDatabaseUnavailable(error)) throw error
        restsUntil = performance.now() + restMs
        return primary.query<Row>(statement)
      }
    },
  }
}
