import type { Command } from 'commander'
import { resourceSubject } from '../../audit/subject.js'
import { deleteResource } from '../../resources/manage-resources.js'
import { findResource } from '../../resources/managed-resource-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { removeLeftovers } from '../leftovers.js'
import { printResult } from '../output.js'
import { requireConfirmation } from '../prompt.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey resources delete` */
export function addDeleteResource(resources: Command, io: Io): void {
  resources
    .command('delete <name>')
    .description(
      'delete a resource, its scopes wherever they are granted, and end all tokens for it; asks first',
    )
    .option('--yes', 'do not ask')
    .action(
      onDatabase(io, async function remove({ database }, [name = ''], { yes, json }) {
        requireFound(await findResource(name, database), 'resource', name)
        await requireConfirmation(
          `Delete ${name}, and its scopes from all users, roles and clients?`,
          yes,
          io,
        )
        await database.$transaction(async (transaction) => {
          await deleteResource(name, () => {}, transaction)
          await recordOperation('resource_deleted', resourceSubject(name), transaction)
        })
        await removeLeftovers(database, io)
        printResult(io, { name, deleted: true }, `Deleted ${name}.`, json)
      }),
    )
}
