import type { Command } from 'commander'
import { webhookSubject } from '../../audit/subject.js'
import { deleteWebhook, findWebhook } from '../../outbox/webhooks/webhook-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { removeLeftovers } from '../leftovers.js'
import { printResult } from '../output.js'
import { requireConfirmation } from '../prompt.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey webhooks delete` */
export function addDeleteWebhook(webhooks: Command, io: Io): void {
  webhooks
    .command('delete <name>')
    .description('delete a webhook and its undelivered messages; asks first')
    .option('--yes', 'do not ask')
    .action(
      onDatabase(io, async function remove({ database }, [name = ''], { yes, json }) {
        requireFound(await findWebhook(name, database), 'webhook', name)
        await requireConfirmation(`Delete ${name} and its undelivered messages?`, yes, io)
        await database.$transaction(async (transaction) => {
          requireFound(await deleteWebhook(name, transaction), 'webhook', name)
          await recordOperation('webhook_deleted', webhookSubject(name), transaction)
        })
        await removeLeftovers(database, io)
        printResult(io, { name, deleted: true }, `Deleted ${name}.`, json)
      }),
    )
}
