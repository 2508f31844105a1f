import type { Command } from 'commander'
import { roleSubject } from '../../audit/subject.js'
import { changeRole } from '../../roles/manage-roles.js'
import { findRole } from '../../roles/role-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { readScopes, scopeOption } from './role-arguments.js'

/** `latchkey roles set-scopes` */
export function addSetScopes(roles: Command, io: Io): void {
  roles
    .command('set-scopes <name>')
    .description(
      'replace the scopes of a role, at once for all of its users; without --scope, remove them all',
    )
    .addOption(scopeOption())
    .action(
      onDatabase(io, async function setScopes({ database }, [name = ''], options) {
        const scopes = readScopes(options)
        requireFound(await findRole(name, database), 'role', name)
        await database.$transaction(async (transaction) => {
          await changeRole(name, { scopes }, () => {}, transaction)
          await recordOperation('role_changed', roleSubject(name), transaction)
        })
        printResult(io, { name, scopes }, `${name} has ${scopes.join(' ') || 'no scopes'}.`, options.json)
      }),
    )
}
