import type pg from 'pg'
import { haveSameDatabase } from './identity.js'
import type { Queryable } from './query.js'

/** Reason why a replica is not read from. */
export type ReplicaProblem =
  | 'cannot be reached'
  | 'is not a standby'
  | 'is too far behind'
  | 'has another database than DATABASE_URL'

/** Maximum time for the answer of a server (milliseconds). */
const answerMs = 1_000

/** A position in the primary's log, and a moment on the monotonic clock at which the primary had not passed it. */
interface Sample {
  lsn: string
  at: number
}

/**
 * Measures how far a replica is behind, by the positions of both servers in the log. A replica that has replayed a position lags
 * by no more than the time since the primary was there. This requires neither synchronised clocks nor privileges, and works
 * for a primary that writes nothing.
 */
export interface LagMeter {
  /** Asks both servers. @throws Error if one does not answer */
  measure(): Promise<Exclude<ReplicaProblem, 'cannot be reached'> | null>
  /** Returns the maximum lag at the last measurement (milliseconds); undefined before the replica was seen. */
  lagMs(): number | undefined
  /** Makes the next measurement look whether the replica is that of the primary. */
  forgetIdentity(): void
}

/** Creates the meter. @param maxLagMs lag from which on the replica is too far behind (milliseconds) */
export function createLagMeter(replica: Queryable, primary: Queryable, maxLagMs: number): LagMeter {
  let samples: Sample[] = []
  /** Whether the replica has turned out to be that of the primary. */
  let isIdentified = false
  /** Latest moment at which the primary was at a position that the replica has reached, and the time of the last measurement. */
  let reachedAt: number | undefined
  let measuredAt = 0

  return {
    async measure() {
      const at = performance.now()
      measuredAt = at
      const { rows: positions } = await ask<{ lsn: string }>(
        'SELECT pg_current_wal_lsn() AS lsn',
        [],
        primary,
      )
      samples = samples.filter((sample) => at - sample.at <= maxLagMs)
      for (const { lsn } of positions) samples.push({ lsn, at })
      const lsns = samples.map(({ lsn }) => lsn)
      const { rows } = await ask<{ standby: boolean; reached: number }>(reachedPositions, [lsns], replica)
      if (!rows[0]?.standby) return 'is not a standby'
      isIdentified ||= await haveSameDatabase(primary, replica)
      if (!isIdentified) return 'has another database than DATABASE_URL'
      samples = samples.slice(Math.max(rows[0].reached - 1, 0))
      if (rows[0].reached > 0) reachedAt = samples[0]?.at
      return rows[0].reached > 0 ? null : 'is too far behind'
    },
    lagMs: () => (reachedAt === undefined ? undefined : measuredAt - reachedAt),
    forgetIdentity() {
      isIdentified = false
    },
  }
}

/** Counts the positions that a standby has reached. */
const reachedPositions = `
  SELECT pg_is_in_recovery() AS standby, (
    SELECT coalesce(max(number), 0)::int FROM unnest($1::pg_lsn[]) WITH ORDINALITY AS sample (lsn, number)
    WHERE lsn <= pg_last_wal_replay_lsn()) AS reached`

/** Sends a statement about the state of a server, which must answer in time. */
function ask<Row extends pg.QueryResultRow>(
  text: string,
  values: unknown[],
  server: Queryable,
): Promise<pg.QueryResult<Row>> {
  const statement: pg.QueryConfig & { query_timeout: number } = { text, values, query_timeout: answerMs }
  return server.query<Row>(statement)
}
