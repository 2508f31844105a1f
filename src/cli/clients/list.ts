import type { Command } from 'commander'
import { listClients } from '../../auth/store/clients.js'
import { listResources } from '../../resources/managed-resource-store.js'
import type { Io } from '../io.js'
import { printRows } from '../output.js'
import { onDatabase } from '../run.js'
import { toClientRow } from './client-row.js'

const columns = ['client_id', 'name', 'type', 'grants', 'scopes', 'rights', 'disabled', 'secrets']

/** `latchkey clients list` */
export function addListClients(clients: Command, io: Io): void {
  clients
    .command('list')
    .description('list clients, with the times when their secrets were created and last used')
    .action(
      onDatabase(io, async function list({ database }, _args, { json }) {
        const resources = await listResources({}, database)
        const clients = await listClients(database)
        printRows(
          io,
          clients.map((client) => toClientRow(client, resources)),
          columns,
          json,
        )
      }),
    )
}
