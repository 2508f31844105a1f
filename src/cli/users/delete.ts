import type { Command } from 'commander'
import { removeDepartures } from '../../database/departures.js'
import { removeDepartedItems } from '../../items/departed-owners.js'
import { deleteUser, findOwner } from '../../users/store/accounts.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { removeLeftovers } from '../leftovers.js'
import { printResult } from '../output.js'
import { requireConfirmation } from '../prompt.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey users delete` */
export function addDeleteUser(users: Command, io: Io): void {
  users
    .command('delete <username>')
    .description('delete a user and everything they own; asks first')
    .option('--yes', 'do not ask')
    .action(
      onDatabase(io, async function remove({ database }, [username = ''], { yes, json }) {
        requireFound(await findOwner(username, database), 'user', username)
        await requireConfirmation(`Delete ${username} and everything they own?`, yes, io)
        await database.$transaction(async (transaction) => {
          requireFound(await deleteUser(username, transaction), 'user', username)
          await recordOperation('user_deleted', username, transaction)
        })
        await removeLeftovers(database, io, [removeDepartedItems, removeDepartures])
        printResult(io, { username, deleted: true }, `Deleted ${username}.`, json)
      }),
    )
}
