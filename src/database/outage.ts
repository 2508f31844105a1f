import type { FastifyBaseLogger } from 'fastify'
import { reasonOf } from '../lifecycle/reason.js'
import type { Metrics } from '../metrics/index.js'
import { isOutage } from './errors.js'
import { NodeFailure } from './node-failure.js'

/** Minimum time between two log lines about one outage of the database, or about failed servers of its cluster (milliseconds). */
const logIntervalMs = 60_000

/** Time for which the failure of a statement counts as a sign that a server of the cluster is down (milliseconds). */
const degradedMs = 60_000

/** Logs outages of the database and failures of servers of its cluster, for all parts of the service together. */
export interface OutageLog {
  /**
   * Logs that the database, or a server of its cluster, is unavailable; each at most once a minute.
   *
   * @returns whether the error means that, so that the caller does not log it
   */
  note(error: unknown): boolean
  /** Returns whether a statement failed in the last minute because a server of the cluster has failed. */
  isDegraded(): boolean
  /** Logs that an outage is over, if there was one. */
  noteRecovery(): void
  /**
   * Runs a task. A failure because the database or a server of its cluster is unavailable is noted, any other is thrown.
   *
   * @returns whether the task has been completed
   */
  unless(task: () => Promise<unknown>): Promise<boolean>
}

/** Creates the log of outages. */
export function createOutageLog(
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>,
  { databaseFailures }: Pick<Metrics, 'databaseFailures'>,
): OutageLog {
  /** Time of the last log line about an outage (`performance.now()`), or null if there is no outage. */
  let loggedAt: number | null = null
  /** Times of the last failure of a server of the cluster, and of the last log line about one. */
  let nodeFailedAt = Number.NEGATIVE_INFINITY
  let nodeLoggedAt = Number.NEGATIVE_INFINITY

  function noteNodeFailure(failure: NodeFailure): true {
    databaseFailures.add({ kind: 'node' })
    nodeFailedAt = performance.now()
    if (nodeFailedAt - nodeLoggedAt < logIntervalMs) return true
    nodeLoggedAt = nodeFailedAt
    log.warn({ reason: reasonOf(failure) }, 'a server of the database cluster is unavailable')
    return true
  }

  function note(error: unknown): boolean {
    if (error instanceof NodeFailure) return noteNodeFailure(error)
    if (!isOutage(error)) return false
    databaseFailures.add({ kind: 'outage' })
    const now = performance.now()
    if (loggedAt !== null && now - loggedAt < logIntervalMs) return true
    loggedAt = now
    log.warn({ reason: reasonOf(error as Error) }, 'the database is unavailable')
    return true
  }

  return {
    note,
    isDegraded: () => performance.now() - nodeFailedAt < degradedMs,
    noteRecovery() {
      if (loggedAt !== null) log.info('the database is available again')
      loggedAt = null
    },
    async unless(task) {
      try {
        await task()
        return true
      } catch (error) {
        if (!note(error)) throw error
        return false
      }
    },
  }
}
