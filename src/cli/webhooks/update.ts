import type { Command } from 'commander'
import { webhookSubject } from '../../audit/subject.js'
import { updateWebhook } from '../../outbox/webhooks/webhook-store.js'
import { CommandError, exitStatus, requireFound } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { onDatabase, recordOperation } from '../run.js'
import { addSettingOptions, readSettings } from './webhook-arguments.js'

/** `latchkey webhooks update` */
export function addUpdateWebhook(webhooks: Command, io: Io): void {
  addSettingOptions(
    webhooks
      .command('update <name>')
      .description(
        "change a webhook; what is not given is kept; --action '' stands for all actions, --ca '' for the well-known authorities",
      )
      .option('--url <url>', 'https URL to which events are posted'),
  ).action(
    onDatabase(io, async function update({ config, database }, [name = ''], options) {
      const changes = readSettings(options, config)
      if (Object.keys(changes).length === 0)
        throw new CommandError(exitStatus.usage, 'specify --url, --action or --ca')
      await database.$transaction(async (transaction) => {
        requireFound(await updateWebhook(name, changes, transaction), 'webhook', name)
        await recordOperation('webhook_changed', webhookSubject(name), transaction)
      })
      printResult(io, { name, changed: true }, `Changed ${name}.`, options.json)
    }),
  )
}
