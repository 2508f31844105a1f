import type { Database } from '../database/client.js'
import { removeDepartures } from '../database/departures.js'
import { describeFault } from '../database/faults.js'
import type { Io } from './io.js'
import { escapeLine } from './output.js'

/**
 * Removes what a committed deletion, and any other, left behind. What the database prevents is a warning: the deletion is done,
 * and the service removes the rest.
 */
export async function removeLeftovers(
  database: Database,
  io: Io,
  removals: ((database: Database) => Promise<void>)[] = [removeDepartures],
): Promise<void> {
  for (const remove of removals)
    await remove(database).catch(function warn(error: unknown) {
      const fault = describeFault(error)
      if (fault === undefined) throw error
      io.stderr.write(
        `latchkey: the service will remove the rest of what was deleted: ${escapeLine(fault)}\n`,
      )
    })
}
