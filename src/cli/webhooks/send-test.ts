import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import { readClock } from '../../database/clock.js'
import { attemptTest, type Endpoint } from '../../outbox/webhooks/attempt.js'
import { findEndpoints } from '../../outbox/webhooks/secret-store.js'
import { findWebhook } from '../../outbox/webhooks/webhook-store.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase } from '../run.js'

/** `latchkey webhooks test` */
export function addTestWebhook(webhooks: Command, io: Io): void {
  webhooks
    .command('test <name>')
    .description('send a message of the type webhook.test from here, and say whether it was accepted')
    .action(
      onDatabase(io, async function sendTest({ config, database }, [name = ''], { json }) {
        const webhook = await findWebhook(name, database)
        requireFound(webhook, 'webhook', name)
        const [endpoint] = await findEndpoints([webhook.id], database)
        const at = Math.floor((await readClock(database)).getTime() / 1_000)
        const settings = { sealingKeys: sealingKeysOf(config), internalHosts: config.webhookInternalHosts }
        const outcome = await attemptTest(randomUUID(), at, endpoint as Endpoint, settings)
        if (outcome.kind !== 'delivered')
          throw new CommandError(exitStatus.failure, `${name} failed: ${outcome.reason}`)
        printResult(io, { name, delivered: true }, `${name} accepts messages.`, json)
      }),
    )
}
