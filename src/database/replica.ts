import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { isDatabaseUnavailable } from './errors.js'
import { haveSameDatabase } from './identity.js'
import type { Queryable } from './query.js'

/** Reason why a replica is not read from. */
type ReplicaProblem =
  | 'cannot be reached'
  | 'is not a standby'
  | 'is too far behind'
  | 'has another database than DATABASE_URL'

/** Reads from a replica while it is usable. */
export interface ReplicaReads extends Queryable {
  /** Checks whether the replica is usable. One that is too far behind has `maxLagMs` to catch up. */
  inspect(): Promise<ReplicaProblem | null>
  /** Returns whether the replica was usable when it was last checked. */
  isUsable(): boolean
  /** Returns the maximum lag behind the primary at the last check (milliseconds); undefined before the replica was seen. */
  lagMs(): number | undefined
  /** Adds a listener for each read, with the server that is asked. */
  onRead(listener: (server: 'primary' | 'replica') => void): void
  /** Adds a listener for when the replica stops being usable, and when it is usable again (null). */
  onChange(listener: (problem: ReplicaProblem | null) => void): void
}

/** Limits of the reads from a replica, in milliseconds. */
export interface ReplicaLimits {
  /** Maximum lag behind the primary. */
  maxLagMs: number
  /** Time for which the replica is not checked after it could not be reached. */
  restMs?: number
}

/** Maximum time for which the result of a check holds, and maximum duration of a check (milliseconds). */
const checkMs = 1_000

/** SQLSTATEs that concern a single statement: it timed out, or conflicted with the replication. */
const cancelled = '57014'
const conflict = '40001'

/** A position in the primary's log, and a moment on the monotonic clock at which the primary had not passed it. */
interface Sample {
  lsn: string
  at: number
}

/**
 * Sends reads to a replica, and to the primary while the replica is not usable.
 *
 * At most once a second, when there is something to read, both servers are asked for their positions in the log. A
 * replica that has replayed a position lags by no more than the time since the primary was there. This requires neither
 * synchronised clocks nor privileges, and works for a primary that writes nothing.
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
  let checking: Promise<void> | undefined
  /** Whether the replica has turned out to be that of the primary, since it was last unreachable. */
  let isIdentified = false
  /** Latest moment at which the primary was at a position that the replica has reached, and the time of the last check. */
  let reachedAt: number | undefined
  let checkedAt = 0
  const readListeners: ((server: 'primary' | 'replica') => void)[] = []

  function conclude(found: ReplicaProblem | null): void {
    if (found === 'cannot be reached') isIdentified = false
    const holdsMs = found === 'cannot be reached' ? restMs : Math.min(checkMs, maxLagMs / 4)
    holdsUntil = performance.now() + holdsMs
    if (found === problem) return
    problem = found
    for (const listener of listeners) listener(found)
  }

  async function comparePositions(): Promise<ReplicaProblem | null> {
    const at = performance.now()
    checkedAt = at
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
    if (!rows[0]?.standby) return 'is not a standby'
    isIdentified ||= await haveSameDatabase(primary, replica)
    if (!isIdentified) return 'has another database than DATABASE_URL'
    samples = samples.slice(Math.max(rows[0].reached - 1, 0))
    if (rows[0].reached > 0) reachedAt = samples[0]?.at
    return rows[0].reached > 0 ? null : 'is too far behind'
  }

  function noteRead(server: 'primary' | 'replica'): void {
    for (const listener of readListeners) listener(server)
  }

  /** Checks the replica, once at a time (single flight). */
  function check(): Promise<void> {
    checking ??= comparePositions()
      .catch(() => 'cannot be reached' as const)
      .then(conclude)
      .finally(() => {
        checking = undefined
      })
    return checking
  }

  return {
    async query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig) {
      if (performance.now() >= holdsUntil) {
        const checked = check()
        // A replica that was not usable may take any time to answer.
        if (problem === null) await checked
      }
      noteRead(problem === null ? 'replica' : 'primary')
      if (problem !== null) return primary.query<Row>(statement)
      try {
        return await replica.query<Row>(statement)
      } catch (error) {
        const { code = '' } = error as { code?: string }
        if (!isDatabaseUnavailable(error) || code === cancelled) throw error
        if (code !== conflict) conclude('cannot be reached')
        noteRead('primary')
        return primary.query<Row>(statement)
      }
    },
    async inspect() {
      const deadline = performance.now() + maxLagMs
      do {
        await check()
        if (problem !== 'is too far behind') return problem
        await delay(100)
      } while (performance.now() < deadline)
      return problem
    },
    isUsable: () => problem === null,
    lagMs: () => (reachedAt === undefined ? undefined : checkedAt - reachedAt),
    onRead(listener) {
      readListeners.push(listener)
    },
    onChange(listener) {
      listeners.push(listener)
    },
  }
}

/** Sends a statement about the state of a server, which must answer within `checkMs`. */
function ask<Row extends pg.QueryResultRow>(
  text: string,
  values: unknown[],
  server: Queryable,
): Promise<pg.QueryResult<Row>> {
  const statement: pg.QueryConfig & { query_timeout: number } = { text, values, query_timeout: checkMs }
  return server.query<Row>(statement)
}
