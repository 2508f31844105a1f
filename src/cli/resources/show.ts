import type { Command } from 'commander'
import { findResource } from '../../resources/managed-resource-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printRow } from '../output.js'
import { onDatabase } from '../run.js'
import { toResourceRow } from './resource-row.js'

/** `latchkey resources show` */
export function addShowResource(resources: Command, io: Io): void {
  resources
    .command('show <name>')
    .description('show a resource')
    .action(
      onDatabase(io, async function show({ database }, [name = ''], { json }) {
        const resource = await findResource(name, database)
        requireFound(resource, 'resource', name)
        printRow(io, toResourceRow(resource), json)
      }),
    )
}
