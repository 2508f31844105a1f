import type { Command } from 'commander'
import { webhookSubject } from '../../audit/subject.js'
import { requireCurrentSecret } from '../../auth/keys/mac-key-store.js'
import { rotateSecret } from '../../outbox/webhooks/secret-store.js'
import { findWebhook } from '../../outbox/webhooks/webhook-store.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { showSecret } from './webhook-row.js'

/** Time for which the previous secret signs too (seconds). */
const overlapSeconds = 86_400

/** `latchkey webhooks rotate-secret` */
export function addRotateSecret(webhooks: Command, io: Io): void {
  webhooks
    .command('rotate-secret <name>')
    .description(
      'create a new secret, shown only once; messages are signed with the previous one too for 24 hours',
    )
    .option('--now', 'forget the previous secret immediately, for example because it was stolen')
    .action(
      onDatabase(io, async function rotate({ config, database }, [name = ''], { now, json }) {
        const webhook = await findWebhook(name, database)
        requireFound(webhook, 'webhook', name)
        const secret = await database.$transaction(async (transaction) => {
          const overlap = now ? 0 : overlapSeconds
          const sealingKeys = sealingKeysOf(config)
          await requireCurrentSecret(transaction, sealingKeys)
          const made = await rotateSecret(webhook.id, overlap, sealingKeys, transaction)
          requireFound(made, 'webhook', name)
          await recordOperation('webhook_secret_rotated', webhookSubject(name), transaction)
          return made
        })
        printResult(io, { name, secret }, showSecret(name, secret), json)
      }),
    )
}
