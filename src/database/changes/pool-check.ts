import type { Database } from '../client.js'
import { type Heartbeat, OtherDatabase } from './heartbeat.js'

/** Time between two checks (milliseconds). */
const intervalMs = 5_000

/** Checks that the pool leads to the same database as the connection that listens. */
export interface PoolCheck {
  /** @throws OtherDatabase if it does not, or another error, which does not show where it leads */
  run(): Promise<void>
  /** Checks again if the last check was long ago. @param onOtherDatabase is called if the pool leads elsewhere */
  repeatIfDue(onOtherDatabase: (error: OtherDatabase) => void): void
}

export function createPoolCheck(heartbeat: Heartbeat, database: Pick<Database, 'pool'>): PoolCheck {
  let checkedAt = Number.NEGATIVE_INFINITY

  async function run(): Promise<void> {
    checkedAt = performance.now()
    await heartbeat.checkPool(database.pool)
  }

  return {
    run,
    repeatIfDue(onOtherDatabase) {
      if (performance.now() - checkedAt <= intervalMs) return
      run().catch((error: Error) => {
        if (error instanceof OtherDatabase) onOtherDatabase(error)
      })
    },
  }
}
