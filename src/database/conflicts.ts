import type pg from 'pg'
import { sqlStateOf } from './errors.js'

/**
 * SQLSTATEs of what PostgreSQL rolled back as a concurrent transaction stood in its way: a serialization failure, and a
 * deadlock.
 */
const conflictStates = /^(40001|40P01)$/

/** Maximum number of attempts, so that endless conflicts end as an unavailable service. */
export const maxAttempts = 4

/**
 * Runs a transaction, or a statement that is one, again after a conflict. The attempt must change nothing outside the
 * database. No time passes between two attempts: a deadlock took its time already, and the next attempt waits for the locks.
 */
export async function retryConflicts<T>(attempt: () => Promise<T>): Promise<T> {
  for (let remaining = maxAttempts - 1; remaining > 0; remaining--)
    try {
      return await attempt()
    } catch (error) {
      if (!conflictStates.test(String(sqlStateOf(error)))) throw error
    }
  return attempt()
}

/** Makes the pool retry statements outside of transactions after a conflict. */
export function retryConflictingStatements(pool: pg.Pool): void {
  const query = pool.query.bind(pool) as unknown as (...given: unknown[]) => Promise<unknown>
  Object.assign(pool, { query: (...given: unknown[]) => retryConflicts(() => query(...given)) })
}
