import type { Command } from 'commander'
import { roleSubject } from '../../audit/subject.js'
import { deleteRole } from '../../roles/manage-roles.js'
import { findRole } from '../../roles/role-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { requireConfirmation } from '../prompt.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey roles delete` */
export function addDeleteRole(roles: Command, io: Io): void {
  roles
    .command('delete <name>')
    .description('delete a role, which takes its scopes from its users at once; asks first')
    .option('--yes', 'do not ask')
    .action(
      onDatabase(io, async function remove({ database }, [name = ''], { yes, json }) {
        requireFound(await findRole(name, database), 'role', name)
        await requireConfirmation(`Delete ${name}, and take its scopes from its users?`, yes, io)
        await database.$transaction(async (transaction) => {
          await deleteRole(name, () => {}, transaction)
          await recordOperation('role_deleted', roleSubject(name), transaction)
        })
        printResult(io, { name, deleted: true }, `Deleted ${name}.`, json)
      }),
    )
}
