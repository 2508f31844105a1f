import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addCreateUser } from './create.js'
import { addDeleteUser } from './delete.js'
import { addExportUsers } from './export.js'
import { addImportUsers } from './import.js'
import { addInviteUser } from './invite.js'
import { addListUsers } from './list.js'
import { addSetDisabled } from './set-disabled.js'
import { addSetEmail } from './set-email.js'
import { addSetPassword } from './set-password.js'
import { addSetScopes } from './set-scopes.js'
import { addShowUser } from './show.js'

const commands = [
  addCreateUser,
  addListUsers,
  addShowUser,
  addSetEmail,
  addSetPassword,
  addSetScopes,
  addSetDisabled,
  addInviteUser,
  addDeleteUser,
  addImportUsers,
  addExportUsers,
]

/** `latchkey users …` */
export function addUserCommands(program: Command, io: Io): void {
  const users = program
    .command('users')
    .description('create, list, change, disable, delete, import and export users')
  for (const addCommand of commands) addCommand(users, io)
}
