import type { Command } from 'commander'
import { listResources } from '../../resources/managed-resource-store.js'
import type { Io } from '../io.js'
import { printRows } from '../output.js'
import { onDatabase } from '../run.js'
import { toResourceRow } from './resource-row.js'

const columns = ['name', 'audience', 'scopes', 'default_scopes', 'token_ttl_seconds', 'servers', 'disabled']

/** `latchkey resources list` */
export function addListResources(resources: Command, io: Io): void {
  resources
    .command('list')
    .description('list resources')
    .action(
      onDatabase(io, async function list({ database }, _args, { json }) {
        printRows(io, (await listResources({}, database)).map(toResourceRow), columns, json)
      }),
    )
}
