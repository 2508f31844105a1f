import type { FastifyBaseLogger } from 'fastify'
import { reasonOf } from '../lifecycle/reason.js'
import { isOutage } from './errors.js'

/** Minimum time between two log lines about one outage of the database (milliseconds). */
const logIntervalMs = 60_000

/** Logs outages of the database, for all parts of the service together. */
export interface OutageLog {
  /**
   * Logs that the database is unavailable, at most once a minute.
   *
   * @returns whether the error means that, so that the caller does not log it
   */
  note(error: unknown): boolean
  /** Logs that an outage is over, if there was one. */
  noteRecovery(): void
  /** Runs a task. A failure because the database is unavailable is noted as an outage, any other is thrown. */
  unless(task: () => Promise<unknown>): Promise<void>
}

/** Creates the log of outages. */
export function createOutageLog(log: Pick<FastifyBaseLogger, 'info' | 'warn'>): OutageLog {
  /** Time of the last log line about an outage (`performance.now()`), or null if there is no outage. */
  let loggedAt: number | null = null

  function note(error: unknown): boolean {
    if (!isOutage(error)) return false
    const now = performance.now()
    if (loggedAt !== null && now - loggedAt < logIntervalMs) return true
    loggedAt = now
    log.warn({ reason: reasonOf(error as Error) }, 'the database is unavailable')
    return true
  }

  return {
    note,
    noteRecovery() {
      if (loggedAt !== null) log.info('the database is available again')
      loggedAt = null
    },
    async unless(task) {
      try {
        await task()
      } catch (error) {
        if (!note(error)) throw error
      }
    },
  }
}
