import type { Command } from 'commander'
import { isUuid } from '../../database/storable.js'
import { retryDeadLetters } from '../../outbox/webhooks/deliveries.js'
import { findWebhook } from '../../outbox/webhooks/webhook-store.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase } from '../run.js'

/** `latchkey webhooks retry` */
export function addRetryDeadLetters(webhooks: Command, io: Io): void {
  webhooks
    .command('retry <name>')
    .description('deliver dead letters again, with the same ids')
    .option('--message <id>', 'only one of them')
    .action(
      onDatabase(io, async function retry({ database }, [name = ''], { message, json }) {
        const webhook = await findWebhook(name, database)
        requireFound(webhook, 'webhook', name)
        if (webhook.disabledAt)
          throw new CommandError(
            exitStatus.refused,
            `${name} is disabled: run latchkey webhooks enable first`,
          )
        const id = message === undefined ? null : readId(String(message))
        const retried = await retryDeadLetters(webhook.id, id, database)
        if (id !== null && retried === 0)
          throw new CommandError(exitStatus.notFound, `${name} has no dead letter ${message}`)
        printResult(io, { name, retried }, `${retried} messages of ${name} are pending again.`, json)
      }),
    )
}

/** @throws CommandError if it is not the id of a message */
function readId(message: string): string {
  const id = message.replace(/^msg_/, '')
  if (!isUuid(id)) throw new CommandError(exitStatus.usage, `${message} is not the id of a message`)
  return id
}
