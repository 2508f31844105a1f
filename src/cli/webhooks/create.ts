import type { Command } from 'commander'
import { webhookSubject } from '../../audit/subject.js'
import { requireCurrentSecret } from '../../auth/keys/mac-key-store.js'
import { newWebhookSecret } from '../../outbox/webhooks/signature.js'
import { addWebhook, maxWebhooks } from '../../outbox/webhooks/webhook-store.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { addSettingOptions, readSettings, requireValidName } from './webhook-arguments.js'
import { showSecret } from './webhook-row.js'

/** `latchkey webhooks create` */
export function addCreateWebhook(webhooks: Command, io: Io): void {
  addSettingOptions(
    webhooks
      .command('create <name>')
      .description('create a webhook; its secret is shown only once')
      .requiredOption('--url <url>', 'https URL to which events are posted'),
  ).action(
    onDatabase(io, async function create({ config, database }, [name = ''], options) {
      requireValidName(name)
      const settings = { url: '', actions: [], ca: null, ...readSettings(options, config) }
      const secret = newWebhookSecret()
      await database.$transaction(async (transaction) => {
        const sealingKeys = sealingKeysOf(config)
        await requireCurrentSecret(transaction, sealingKeys)
        const outcome = await addWebhook({ name, ...settings }, secret, sealingKeys[0], transaction)
        if (outcome !== 'added') throw new CommandError(exitStatus.refused, refusals[outcome](name))
        await recordOperation('webhook_created', webhookSubject(name), transaction)
      })
      printResult(io, { name, secret }, showSecret(name, secret), options.json)
    }),
  )
}

const refusals = {
  taken: (name: string) => `webhook ${name} already exists`,
  too_many: () => `there are ${maxWebhooks} webhooks already`,
}
