import type { Command } from 'commander'
import { resourceSubject } from '../../audit/subject.js'
import { changeResource, freeScopeNames } from '../../resources/manage-resources.js'
import { findResource, type ManagedResource } from '../../resources/managed-resource-store.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { removeLeftovers } from '../leftovers.js'
import { printResult } from '../output.js'
import { requireConfirmation } from '../prompt.js'
import { type Options, onDatabase, recordOperation } from '../run.js'
import { readScopes, readSettings, scopeChangeOptions, settingOptions } from './resource-arguments.js'
import { toResourceRow } from './resource-row.js'

/** `latchkey resources update` */
export function addUpdateResource(resources: Command, io: Io): void {
  const command = resources
    .command('update <name>')
    .description(
      'change a resource, add or remove scopes, or replace its scopes or servers; what is not given is kept',
    )
    .option('--audience <uri>', 'absolute URI that names it; its tokens end when it changes')
    .option('--yes', 'do not ask before scopes are deleted')
  for (const option of [...scopeChangeOptions(), ...settingOptions()]) command.addOption(option)
  command.action(
    onDatabase(io, async function update({ config, database }, [name = ''], options) {
      const resource = await findResource(name, database)
      requireFound(resource, 'resource', name)
      const deleted = findDeleted(resource, readChanges(options, resource))
      if (deleted.length > 0)
        await requireConfirmation(
          `Delete the scope${deleted.length > 1 ? 's' : ''} ${deleted.join(' ')}, also from all users, roles and clients?`,
          options.yes,
          io,
        )
      await freeScopeNames(database)
      const changed = await database.$transaction(async (transaction) => {
        const readNow = (current: ManagedResource) => {
          const changes = readChanges(options, current)
          const others = findDeleted(current, changes).filter((name) => !deleted.includes(name))
          if (others.length > 0 && !options.yes)
            throw new CommandError(
              exitStatus.refused,
              `${name} has got ${others.join(' ')} meanwhile: try again`,
            )
          return changes
        }
        const updated = await changeResource(name, readNow, config, transaction)
        await recordOperation('resource_changed', resourceSubject(name), transaction)
        return updated
      })
      await removeLeftovers(database, io)
      printResult(io, toResourceRow(changed), `Changed ${name}.`, options.json)
    }),
  )
}

/** @throws CommandError if nothing is to be changed */
function readChanges(options: Options, resource: ManagedResource) {
  const scopes = readScopes(options, resource)
  const changes = { ...readSettings(options), ...(scopes && { scopes }) }
  if (Object.keys(changes).length === 0)
    throw new CommandError(
      exitStatus.usage,
      'specify --audience, --add-scope, --remove-scope, --scope, --default-scope, --token-ttl, --subject or --server',
    )
  return changes
}

function findDeleted(
  { scopes: current }: ManagedResource,
  { scopes = current }: Partial<Pick<ManagedResource, 'scopes'>>,
): string[] {
  return current.map(({ name }) => name).filter((name) => !scopes.some((scope) => scope.name === name))
}
