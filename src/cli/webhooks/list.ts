import type { Command } from 'commander'
import { listWebhooks } from '../../outbox/webhooks/webhook-store.js'
import type { Io } from '../io.js'
import { printRows } from '../output.js'
import { onDatabase } from '../run.js'
import { toWebhookRow } from './webhook-row.js'

const columns = ['name', 'url', 'actions', 'state', 'failing_since', 'previous_secret_until']

/** `latchkey webhooks list` */
export function addListWebhooks(webhooks: Command, io: Io): void {
  webhooks
    .command('list')
    .description('list webhooks, and since when their endpoints fail')
    .action(
      onDatabase(io, async function list({ database }, _args, { json }) {
        printRows(io, (await listWebhooks(database)).map(toWebhookRow), columns, json)
      }),
    )
}
