import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addCreateRole } from './create.js'
import { addDeleteRole } from './delete.js'
import { addGrantRole } from './grant.js'
import { addListRoles } from './list.js'
import { addSetScopes } from './set-scopes.js'
import { addShowRole } from './show.js'
import { addUpdateRole } from './update.js'

const commands = [
  addCreateRole,
  addListRoles,
  addShowRole,
  addUpdateRole,
  addSetScopes,
  addGrantRole,
  addDeleteRole,
]

/** `latchkey roles …` */
export function addRoleCommands(program: Command, io: Io): void {
  const roles = program
    .command('roles')
    .description('create, list, change and delete roles, and grant them to users: named sets of scopes')
  for (const addCommand of commands) addCommand(roles, io)
}
