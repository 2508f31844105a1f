import type { Command } from 'commander'
import { roleSubject } from '../../audit/subject.js'
import { changeRole } from '../../roles/manage-roles.js'
import { findRole } from '../../roles/role-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { readDescription } from './role-arguments.js'

/** `latchkey roles update` */
export function addUpdateRole(roles: Command, io: Io): void {
  roles
    .command('update <name>')
    .description('change the description of a role')
    .requiredOption('--description <text>', 'what the role is for')
    .action(
      onDatabase(io, async function update({ database }, [name = ''], options) {
        const description = readDescription(options)
        requireFound(await findRole(name, database), 'role', name)
        await database.$transaction(async (transaction) => {
          await changeRole(name, { description }, () => {}, transaction)
          await recordOperation('role_changed', roleSubject(name), transaction)
        })
        printResult(io, { name, description }, `Changed ${name}.`, options.json)
      }),
    )
}
