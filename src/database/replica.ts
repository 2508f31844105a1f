import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { isDatabaseUnavailable } from './errors.js'
import type { Queryable } from './query.js'

/** Why a replica is not read from. */
type ReplicaProblem = 'cannot be reached' | 'is no standby' | 'is too far behind'

/** Reads from a replica, as long as it is fit for that. */
export interface ReplicaReads extends Queryable {
  /** Checks whether the replica is fit; one that is too far behind has as long as it may be behind to catch up. */
  inspect(): Promise<ReplicaProblem | null>
  /** Has a listener called when the replica is no longer fit, or is again (null). */
  onChange(listener: (problem: ReplicaProblem | null) => void): void
}

/** Bounds of the reads from a replica (milliseconds). */
export interface ReplicaLimits {
  /** Maximum time by which it may be behind. */
  maxLagMs: number
  /** Time for which it is not asked after it could not be reached. */
  restMs?: number
}

/** Maximum time for which the result of a check holds, and which the check itself may take (milliseconds). */
const checkMs = 1_000

/** SQLSTATEs that are about one statement only: it took too long, or stood in the way of what is replicated. */
const cancelled = '57014'
const conflict = '40001'

/** Position in the primary's log, and a moment (monotonic clock) at which the primary had come no further. */
interface Sample {
  lsn: string
  at: number
}

/**
 * Sends statements that only read to a replica; while that is not fit, the primary answers them.
 *
 * Once a second, while there is something to read, both servers are asked how far they are. A replica that has replayed
 * a position of the primary's log is behind by no more than the time since the primary was there. This needs neither
 * equal clocks nor rights, and holds for a primary that has nothing to write.
 */
export function preferReplica(
  replica: Queryable,
  primary: Queryable,
  { maxLagMs, restMs = 5_000 }: ReplicaLimits,
): ReplicaReads {
  const listeners: ((problem: ReplicaProblem | null) => void)[] = []
  let samples: Sample[] = []
  let problem: ReplicaProblem | null = null
  let holdsUntil = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined

  function conclude(found: ReplicaProblem | null): void {
    const holdsMs = found === 'cannot be reached' ? restMs : Math.min(checkMs, maxLagMs / 4)
    holdsUntil = performance.now() + holdsMs
    if (found === problem) return
    problem = found
    for (const listener of listeners) listener(found)
  }

  async function compare(): Promise<ReplicaProblem | null> {
    const at = performance.now()
    const { rows: positions } = await ask<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn', [], primary)
    samples = samples.filter((sample) => at - sample.at <= maxLagMs)
    for (const { lsn } of positions) samples.push({ lsn, at })
    const { rows } = await ask<{ standby: boolean; reached: number }>(
      `SELECT pg_is_in_recovery() AS standby, (
        SELECT coalesce(max(number), 0)::int FROM unnest($1::pg_lsn[]) WITH ORDINALITY AS sample (lsn, number)
        WHERE lsn <= pg_last_wal_replay_lsn()) AS reached`,
      [samples.map(({ lsn }) => lsn)],
      replica,
    )
    if (!rows[0]?.standby) return 'is no standby'
    samples = samples.slice(Math.max(rows[0].reached - 1, 0))
    return rows[0].reached > 0 ? null : 'is too far behind'
  }

  /** One at a time. */
  function look(): Promise<void> {
    looking ??= compare()
      .catch(() => 'cannot be reached' as const)
      .then(conclude)
      .finally(() => {
        looking = undefined
      })
    return looking
  }

  return {
    async query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig) {
      if (performance.now() >= holdsUntil) {
        const looked = look()
        // A replica that was not fit may take any time to answer.
        if (problem === null) await looked
      }
      if (problem !== null) return primary.query<Row>(statement)
      try {
        return await replica.query<Row>(statement)
      } catch (error) {
        const { code = '' } = error as { code?: string }
        if (!isDatabaseUnavailable(error) || code === cancelled) throw error
        if (code !== conflict) conclude('cannot be reached')
        return primary.query<Row>(statement)
      }
    },
    async inspect() {
      const deadline = performance.now() + maxLagMs
      do {
        await look()
        if (problem !== 'is too far behind') return problem
        await delay(100)
      } while (performance.now() < deadline)
      return problem
    },
    onChange(listener) {
      listeners.push(listener)
    },
  }
}

/** Sends a statement about the server itself, which must answer at once. */
function ask<Row extends pg.QueryResultRow>(
  text: string,
  values: unknown[],
  server: Queryable,
): Promise<pg.QueryResult<Row>> {
  const statement: pg.QueryConfig & { query_timeout: number } = { text, values, query_timeout: checkMs }
  return server.query<Row>(statement)
}
