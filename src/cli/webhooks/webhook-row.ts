import type { Delivery } from '../../outbox/webhooks/deliveries.js'
import type { ManagedWebhook } from '../../outbox/webhooks/webhook-store.js'
import type { Row } from '../output.js'

/** Returns a webhook as the command line shows it. */
export function toWebhookRow(webhook: ManagedWebhook): Row {
  return {
    name: webhook.name,
    url: webhook.url,
    actions: webhook.actions,
    own_ca: webhook.ca !== null,
    state: webhook.disabledReason ? `disabled (${webhook.disabledReason})` : 'enabled',
    failing_since: toTime(webhook.failingSince),
    previous_secret_until: toTime(webhook.previousUntil),
    created_at: toTime(webhook.createdAt),
    updated_at: toTime(webhook.updatedAt),
  }
}

/** Returns a message as the command line shows it. */
export function toDeliveryRow(delivery: Delivery): Row {
  return {
    message: `msg_${delivery.id}`,
    webhook: delivery.webhook,
    action: delivery.action,
    state: delivery.state,
    attempts: delivery.attempts,
    created_at: toTime(delivery.createdAt),
    next_attempt_at: toTime(delivery.nextAttemptAt),
    delivered_at: toTime(delivery.deliveredAt),
    last_failure: delivery.lastFailure,
  }
}

/** Returns the lines that show a new secret. */
export function showSecret(name: string, secret: string): string[] {
  return [`name    ${name}`, `secret  ${secret}`, 'The secret is not shown again.']
}

function toTime(date: Date | null): string | null {
  return date?.toISOString() ?? null
}
