import type { Command } from 'commander'
import { listDeliveries } from '../../outbox/webhooks/deliveries.js'
import { findWebhook } from '../../outbox/webhooks/webhook-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { readLimit } from '../limit.js'
import { printRows } from '../output.js'
import { onDatabase } from '../run.js'
import { toDeliveryRow } from './webhook-row.js'

const columns = [
  'message',
  'webhook',
  'action',
  'state',
  'attempts',
  'created_at',
  'next_attempt_at',
  'last_failure',
]

/** `latchkey webhooks deliveries` */
export function addListDeliveries(webhooks: Command, io: Io): void {
  addList(
    webhooks
      .command('deliveries [name]')
      .description(
        'list messages, newest first: pending ones, dead letters, and those delivered in the last day',
      ),
    false,
    io,
  )
}

/** `latchkey webhooks dead-letters` */
export function addListDeadLetters(webhooks: Command, io: Io): void {
  addList(
    webhooks
      .command('dead-letters [name]')
      .description('list messages that could not be delivered within 24 hours, newest first'),
    true,
    io,
  )
}

function addList(command: Command, onlyDead: boolean, io: Io): void {
  command.option('--limit <number>', 'maximum number of messages', '100').action(
    onDatabase(io, async function list({ database }, [name], { limit, json }) {
      if (name !== undefined) requireFound(await findWebhook(name, database), 'webhook', name)
      const filter = { webhook: name ?? null, onlyDead, limit: readLimit(limit) }
      printRows(io, (await listDeliveries(filter, database)).map(toDeliveryRow), columns, json)
    }),
  )
}
