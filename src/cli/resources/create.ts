import type { Command } from 'commander'
import { resourceSubject } from '../../audit/subject.js'
import { createResource, freeScopeNames } from '../../resources/manage-resources.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { readScopes, readSettings, requireValidName, settingOptions } from './resource-arguments.js'
import { toResourceRow } from './resource-row.js'

/** `latchkey resources create` */
export function addCreateResource(resources: Command, io: Io): void {
  const command = resources
    .command('create <name>')
    .description('create a resource: an audience with scopes of its own, for a service that accepts tokens')
    .requiredOption('--audience <uri>', 'absolute URI that names it, and is the audience of its tokens')
    .option('--disabled', 'create the resource disabled')
  for (const option of settingOptions()) command.addOption(option)
  command.action(
    onDatabase(io, async function create({ config, database }, [name = ''], options) {
      requireValidName(name)
      const resource = {
        name,
        identifier: String(options.audience),
        tokenTtlSeconds: null,
        subjectType: 'public' as const,
        servers: [],
        disabled: options.disabled === true,
        scopes: readScopes(options, { name, scopes: [] }) ?? [],
        ...readSettings(options),
      }
      await freeScopeNames(database)
      const created = await database.$transaction(async (transaction) => {
        const added = await createResource(resource, config, transaction)
        await recordOperation('resource_created', resourceSubject(name), transaction)
        return added
      })
      printResult(io, toResourceRow(created), `Created ${name}.`, options.json)
    }),
  )
}
