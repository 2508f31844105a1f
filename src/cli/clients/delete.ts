import type { Command } from 'commander'
import { deleteClient, findClient } from '../../auth/store/clients.js'
import { clientSubject } from '../../auth/subject.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { removeLeftovers } from '../leftovers.js'
import { printResult } from '../output.js'
import { requireConfirmation } from '../prompt.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey clients delete` */
export function addDeleteClient(clients: Command, io: Io): void {
  clients
    .command('delete <client-id>')
    .description('delete a client and revoke all tokens issued to it; asks first')
    .option('--yes', 'do not ask')
    .action(
      onDatabase(io, async function remove({ database }, [clientId = ''], { yes, json }) {
        requireFound(await findClient(clientId, database), 'client', clientId)
        await requireConfirmation(`Delete ${clientId} and revoke all tokens issued to it?`, yes, io)
        await database.$transaction(async (transaction) => {
          requireFound(await deleteClient(clientId, transaction), 'client', clientId)
          await recordOperation('client_deleted', clientSubject(clientId), transaction)
        })
        await removeLeftovers(database, io)
        printResult(io, { client_id: clientId, deleted: true }, `Deleted ${clientId}.`, json)
      }),
    )
}
