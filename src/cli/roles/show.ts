import type { Command } from 'commander'
import { countUsers, findRole } from '../../roles/role-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printRow } from '../output.js'
import { onDatabase } from '../run.js'
import { toRoleRow } from './role-row.js'

/** `latchkey roles show` */
export function addShowRole(roles: Command, io: Io): void {
  roles
    .command('show <name>')
    .description('show a role, with the number of users who have it')
    .action(
      onDatabase(io, async function show({ database }, [name = ''], { json }) {
        const role = await findRole(name, database)
        requireFound(role, 'role', name)
        printRow(io, toRoleRow(role, await countUsers(database)), json)
      }),
    )
}
