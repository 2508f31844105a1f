import type { Command } from 'commander'
import { resourceSubject } from '../../audit/subject.js'
import { adoptScopes, freeScopeNames } from '../../resources/manage-resources.js'
import { findResource } from '../../resources/managed-resource-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { readWords, wordsOption } from '../words-option.js'
import { requireScopes } from './resource-arguments.js'

/** `latchkey resources adopt` */
export function addAdoptScopes(resources: Command, io: Io): void {
  resources
    .command('adopt <name>')
    .description(
      'move scopes that clients already have to a resource, and print whose tokens get another audience',
    )
    .addOption(wordsOption('--scope <scope...>', 'scope that no resource has yet').makeOptionMandatory())
    .action(
      onDatabase(io, async function adopt({ config, database }, [name = ''], { scope, json }) {
        // The parser requires the option.
        const scopes = readWords(scope) as string[]
        requireScopes(scopes)
        requireFound(await findResource(name, database), 'resource', name)
        await freeScopeNames(database)
        const clients = await database.$transaction(async (transaction) => {
          const affected = await adoptScopes(name, scopes, config, transaction)
          await recordOperation('scopes_adopted', resourceSubject(name), transaction)
          return affected
        })
        const lines = clients.map((client) => `${client} gets another audience in its tokens.`)
        printResult(io, { name, scopes, clients }, [`${name} has ${scopes.join(' ')}.`, ...lines], json)
      }),
    )
}
