import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'

/**
 * Key of the advisory lock that a process holds while it migrates. It differs from that of earlier versions, whose
 * processes wait for theirs in a statement.
 */
const migrationLock = 0x1a7c4e11

/** Time between two attempts to take the lock (milliseconds). */
const lockPollMs = 50

/** Statements that try to take the lock, which the session holds until it ends. */
const attempts = {
  /** For a process that changes tables. */
  exclusive: 'SELECT pg_try_advisory_lock($1) AS taken',
  /** For processes that need the tables to stay as they are. */
  shared: 'SELECT pg_try_advisory_lock_shared($1) AS taken',
}

/**
 * Takes the lock of migrations for a session of PostgreSQL's own. It polls: a statement that waited for the lock would delay
 * an index that another process builds concurrently, which waits for all earlier statements to end.
 */
export async function lockMigrations(connection: pg.Client, mode: keyof typeof attempts): Promise<void> {
  const isTaken = async () => {
    const { rows } = await connection.query<{ taken: boolean }>(attempts[mode], [migrationLock])
    return rows[0]?.taken
  }
  while (!(await isTaken())) await delay(lockPollMs)
}
