import type { Command } from 'commander'
import { roleSubject } from '../../audit/subject.js'
import type { Transaction } from '../../database/client.js'
import { changeRole, changeRoleScopes } from '../../roles/manage-roles.js'
import { findRole } from '../../roles/role-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { type Options, onDatabase, recordOperation } from '../run.js'
import { requireDistinct, requireScopeChange, requireScopeSyntax } from '../scope-arguments.js'
import { readWords, wordsOption } from '../words-option.js'
import { readScopes, scopeOption } from './role-arguments.js'

/** `latchkey roles set-scopes` */
export function addSetScopes(roles: Command, io: Io): void {
  roles
    .command('set-scopes <name>')
    .description(
      "add or remove scopes of a role, or replace them all, at once for all of its users; --scope '' removes them all",
    )
    .addOption(wordsOption('--add <scope...>', 'scope to add to those of the role'))
    .addOption(wordsOption('--remove <scope...>', 'scope to remove'))
    .addOption(scopeOption())
    .action(
      onDatabase(io, async function setScopes({ database }, [name = ''], options) {
        const change = readChange(options)
        requireFound(await findRole(name, database), 'role', name)
        const scopes = await database.$transaction(async (transaction) => {
          const changed = await change(name, transaction)
          await recordOperation('role_changed', roleSubject(name), transaction)
          return changed
        })
        printResult(io, { name, scopes }, `${name} has ${scopes.join(' ') || 'no scopes'}.`, options.json)
      }),
    )
}

/** Returns the change that the options ask for. Its result is the scopes that the role has then. */
function readChange(options: Options) {
  requireScopeChange(options)
  const change = { add: readWords(options.add) ?? [], remove: readWords(options.remove) ?? [] }
  requireScopeSyntax([...change.add, ...change.remove])
  requireDistinct(change)
  const scopes = readScopes(options)
  return async (name: string, transaction: Transaction): Promise<string[]> =>
    options.scope === undefined
      ? changeRoleScopes(name, change, transaction)
      : (await changeRole(name, { scopes }, () => {}, transaction)).scopes
}
