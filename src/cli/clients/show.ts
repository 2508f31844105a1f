import type { Command } from 'commander'
import { findClient } from '../../auth/store/clients.js'
import { listResources } from '../../resources/managed-resource-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printRow } from '../output.js'
import { onDatabase } from '../run.js'
import { toClientRow } from './client-row.js'

/** `latchkey clients show` */
export function addShowClient(clients: Command, io: Io): void {
  clients
    .command('show <client-id>')
    .description('show a client')
    .action(
      onDatabase(io, async function show({ database }, [clientId = ''], { json }) {
        const client = await findClient(clientId, database)
        requireFound(client, 'client', clientId)
        printRow(io, toClientRow(client, await listResources({}, database)), json)
      }),
    )
}
