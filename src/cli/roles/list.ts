import type { Command } from 'commander'
import { countUsers, listRoles } from '../../roles/role-store.js'
import type { Io } from '../io.js'
import { printRows } from '../output.js'
import { onDatabase } from '../run.js'
import { toRoleRow } from './role-row.js'

const columns = ['name', 'scopes', 'users', 'description']

/** `latchkey roles list` */
export function addListRoles(roles: Command, io: Io): void {
  roles
    .command('list')
    .description('list roles, with the number of users who have each')
    .action(
      onDatabase(io, async function list({ database }, _args, { json }) {
        const found = await listRoles({}, database)
        const users = await countUsers(database)
        printRows(
          io,
          found.map((role) => toRoleRow(role, users)),
          columns,
          json,
        )
      }),
    )
}
