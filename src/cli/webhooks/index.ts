import type { Command } from 'commander'
import type { Io } from '../io.js'
import { addCreateWebhook } from './create.js'
import { addDeleteWebhook } from './delete.js'
import { addListDeadLetters, addListDeliveries } from './deliveries.js'
import { addListWebhooks } from './list.js'
import { addRetryDeadLetters } from './retry.js'
import { addRotateSecret } from './rotate-secret.js'
import { addTestWebhook } from './send-test.js'
import { addSetDisabled } from './set-disabled.js'
import { addUpdateWebhook } from './update.js'

const commands = [
  addCreateWebhook,
  addListWebhooks,
  addUpdateWebhook,
  addRotateSecret,
  addTestWebhook,
  addListDeliveries,
  addListDeadLetters,
  addRetryDeadLetters,
  addSetDisabled,
  addDeleteWebhook,
]

/** `latchkey webhooks …` */
export function addWebhookCommands(program: Command, io: Io): void {
  const webhooks = program
    .command('webhooks')
    .description('create, list, change, try out and delete webhooks, which get audit events')
  for (const addCommand of commands) addCommand(webhooks, io)
}
