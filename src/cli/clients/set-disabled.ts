import type { Command } from 'commander'
import { setClientDisabled } from '../../auth/store/clients.js'
import { clientSubject } from '../../auth/subject.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey clients disable` and `enable` */
export function addSetDisabled(clients: Command, io: Io): void {
  for (const disabled of [true, false]) {
    const verb = disabled ? 'disable' : 'enable'
    clients
      .command(`${verb} <client-id>`)
      .description(disabled ? 'disable a client and revoke all tokens issued to it' : 'enable a client again')
      .action(
        onDatabase(io, async function setDisabled({ database }, [clientId = ''], { json }) {
          await database.$transaction(async (transaction) => {
            requireFound(await setClientDisabled(clientId, disabled, transaction), 'client', clientId)
            const action = disabled ? 'client_disabled' : 'client_enabled'
            await recordOperation(action, clientSubject(clientId), transaction)
          })
          printResult(io, { client_id: clientId, disabled }, `${clientId} is ${verb}d.`, json)
        }),
      )
  }
}
