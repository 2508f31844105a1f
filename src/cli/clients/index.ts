import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addCreateClient } from './create.js'
import { addDeleteClient } from './delete.js'
import { addListClients } from './list.js'
import { addRotateSecret } from './rotate-secret.js'
import { addSetDisabled } from './set-disabled.js'
import { addSetRights } from './set-rights.js'
import { addShowClient } from './show.js'
import { addTrustIssuer } from './trust.js'
import { addUntrustIssuer } from './untrust.js'
import { addUpdateClient } from './update.js'

const commands = [
  addCreateClient,
  addListClients,
  addShowClient,
  addUpdateClient,
  addSetRights,
  addRotateSecret,
  addTrustIssuer,
  addUntrustIssuer,
  addSetDisabled,
  addDeleteClient,
]

/** `latchkey clients …` */
export function addClientCommands(program: Command, io: Io): void {
  const clients = program.command('clients').description('create, list, change, disable and delete clients')
  for (const addCommand of commands) addCommand(clients, io)
}
