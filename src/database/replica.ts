import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import { isDatabaseUnavailable } from './errors.js'
import type { Queryable } from './query.js'
import { createReplicaCheck, type ReplicaCheck, type ReplicaLimits } from './replica-check.js'
import type { ReplicaProblem } from './replica-lag.js'

/** Reads from a replica while it is usable. */
export interface ReplicaReads extends Queryable, Pick<ReplicaCheck, 'lagMs' | 'onChange'> {
  /** Checks whether the replica is usable. One that is too far behind has `maxLagMs` to catch up. */
  inspect(): Promise<ReplicaProblem | null>
  /** Returns whether the replica was usable when it was last checked. */
  isUsable(): boolean
  /** Adds a listener for each read, with the server that is asked. */
  onRead(listener: (server: 'primary' | 'replica') => void): void
}

/** SQLSTATEs that concern a single statement: it timed out, or conflicted with the replication. */
const cancelled = '57014'
const conflict = '40001'

/**
 * Sends reads to a replica, and to the primary while the replica is not usable. The replica is checked at most once a second, when
 * there is something to read.
 */
export function preferReplica(replica: Queryable, primary: Queryable, limits: ReplicaLimits): ReplicaReads {
  const check = createReplicaCheck(replica, primary, limits)
  const readListeners: ((server: 'primary' | 'replica') => void)[] = []
  const isUsable = () => check.problem() === null

  function noteRead(server: 'primary' | 'replica'): void {
    for (const listener of readListeners) listener(server)
  }

  return {
    async query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig) {
      if (check.isDue()) {
        const checked = check.run()
        // A replica that was not usable may take any time to answer.
        if (isUsable()) await checked
      }
      noteRead(isUsable() ? 'replica' : 'primary')
      if (!isUsable()) return primary.query<Row>(statement)
      try {
        return await replica.query<Row>(statement)
      } catch (error) {
        const { code = '' } = error as { code?: string }
        if (!isDatabaseUnavailable(error) || code === cancelled) throw error
        if (code !== conflict) check.noteUnreachable()
        noteRead('primary')
        return primary.query<Row>(statement)
      }
    },
    async inspect() {
      const deadline = performance.now() + limits.maxLagMs
      do {
        await check.run()
        if (check.problem() !== 'is too far behind') break
        await delay(100)
      } while (performance.now() < deadline)
      return check.problem()
    },
    isUsable,
    lagMs: check.lagMs,
    onChange: check.onChange,
    onRead(listener) {
      readListeners.push(listener)
    },
  }
}
