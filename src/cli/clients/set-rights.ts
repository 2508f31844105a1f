import type { Command } from 'commander'
import { findClient, setClientRights } from '../../auth/store/clients.js'
import { clientSubject } from '../../auth/subject.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { readWords } from '../words-option.js'
import { rightOption } from './client-arguments.js'

/** `latchkey clients set-rights` */
export function addSetRights(clients: Command, io: Io): void {
  clients
    .command('set-rights <client-id>')
    .description('replace the rights of a confidential client; without --right, remove them all')
    .addOption(rightOption())
    .action(
      onDatabase(io, async function setRights({ database }, [clientId = ''], { right, json }) {
        const rights = readWords(right) ?? []
        requireFound(await findClient(clientId, database), 'client', clientId)
        await database.$transaction(async (transaction) => {
          if (!(await setClientRights(clientId, rights, transaction)))
            throw new CommandError(
              exitStatus.refused,
              `${clientId} is a public client, which cannot have rights`,
            )
          await recordOperation('client_rights_changed', clientSubject(clientId), transaction)
        })
        const sentence = `${clientId} has ${rights.join(' ') || 'no rights'}.`
        printResult(io, { client_id: clientId, rights }, sentence, json)
      }),
    )
}
