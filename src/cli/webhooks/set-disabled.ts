import type { Command } from 'commander'
import { webhookSubject } from '../../audit/subject.js'
import { setWebhookDisabled } from '../../outbox/webhooks/webhook-store.js'
import { requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'

/** `latchkey webhooks disable` and `enable` */
export function addSetDisabled(webhooks: Command, io: Io): void {
  for (const disabled of [true, false]) {
    const verb = disabled ? 'disable' : 'enable'
    webhooks
      .command(`${verb} <name>`)
      .description(
        disabled ? 'disable a webhook: it gets no later events' : 'enable a webhook again, for later events',
      )
      .action(
        onDatabase(io, async function setDisabled({ database }, [name = ''], { json }) {
          await database.$transaction(async (transaction) => {
            requireFound(await setWebhookDisabled(name, disabled, transaction), 'webhook', name)
            const action = disabled ? 'webhook_disabled' : 'webhook_enabled'
            await recordOperation(action, webhookSubject(name), transaction)
          })
          printResult(io, { name, disabled }, `${name} is ${verb}d.`, json)
        }),
      )
  }
}
