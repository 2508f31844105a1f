import type { Database } from '../../database/client.js'
import { removeDepartedItems } from '../../items/departed-owners.js'
import { type Orphan, scheduleRemoval, sweepOrphans } from '../../items/orphans.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import { removeLeftovers } from '../leftovers.js'
import { printRow } from '../output.js'
import { requireConfirmation } from '../prompt.js'
import { onDatabase } from '../run.js'

/** Number of pages between two reports of progress: a hundred thousand owners. */
const progressPages = 100

/** What a sweep has found so far. */
type Tally = {
  /** Number of owners of items. */
  owners_of_items: number
  /** Number of those who do not exist. */
  missing_owners: number
  /** Number of their items. */
  orphaned_items: number
}

/**
 * Returns the action of `latchkey doctor --orphans`. It fails if there are items without an owner, unless it removes them.
 *
 * @param pageSize number of owners that are looked up together
 * @param reportPages number of pages between two reports of progress
 */
export function orphansAction(io: Io, pageSize?: number, reportPages = progressPages) {
  return onDatabase(io, async function sweepDatabase({ database }, _args, { orphans, yes, json }) {
    const removes = orphans === 'remove'
    if (removes) await requireConfirmation('Remove all items whose owner does not exist?', yes, io)
    const tally: Tally = { owners_of_items: 0, missing_owners: 0, orphaned_items: 0 }
    let pages = 0
    for await (const page of sweepOrphans(database, pageSize)) {
      count(page.owners, removes ? await removeItems(page.orphans, database, io) : page.orphans, tally)
      pages += 1
      if (pages % reportPages === 0) io.stderr.write(`latchkey: ${progressOf(tally)}\n`)
    }
    printRow(io, { ...tally, removed: removes }, json)
    if (tally.missing_owners > 0 && !removes)
      throw new CommandError(
        exitStatus.failure,
        'some items have no owner: latchkey doctor --orphans remove removes them',
      )
  })
}

/** Removes the items of owners who do not exist. If this is interrupted or prevented, the service removes the rest. */
async function removeItems(orphans: Orphan[], database: Database, io: Io): Promise<Orphan[]> {
  if (orphans.length === 0) return []
  const departed = new Set(await scheduleRemoval(orphans, database))
  await removeLeftovers(database, io, [removeDepartedItems])
  return orphans.filter(({ ownerId }) => departed.has(ownerId))
}

function count(owners: number, orphans: Orphan[], tally: Tally): void {
  tally.owners_of_items += owners
  tally.missing_owners += orphans.length
  for (const { items } of orphans) tally.orphaned_items += items
}

function progressOf({ owners_of_items, missing_owners, orphaned_items }: Tally): string {
  return `${owners_of_items} owners, of whom ${missing_owners} do not exist and have ${orphaned_items} items`
}
