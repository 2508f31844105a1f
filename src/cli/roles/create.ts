import type { Command } from 'commander'
import { roleSubject } from '../../audit/subject.js'
import { createRole } from '../../roles/manage-roles.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { readDescription, readScopes, requireValidName, scopeOption } from './role-arguments.js'
import { toRoleRow } from './role-row.js'

/** `latchkey roles create` */
export function addCreateRole(roles: Command, io: Io): void {
  roles
    .command('create <name>')
    .description('create a role')
    .addOption(scopeOption())
    .option('--description <text>', 'what the role is for')
    .action(
      onDatabase(io, async function create({ database }, [name = ''], options) {
        requireValidName(name)
        const role = { name, description: readDescription(options), scopes: readScopes(options) }
        const created = await database.$transaction(async (transaction) => {
          const added = await createRole(role, transaction)
          await recordOperation('role_created', roleSubject(name), transaction)
          return added
        })
        printResult(io, toRoleRow(created, new Map()), `Created ${name}.`, options.json)
      }),
    )
}
