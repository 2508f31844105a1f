import { toRequestUrl } from '../../http/safe-fetch/request-url.js'
import { reasonOf } from '../../lifecycle/reason.js'
import { listDeliveries } from '../../outbox/webhooks/deliveries.js'
import { findEndpoints } from '../../outbox/webhooks/secret-store.js'
import { openSecrets } from '../../outbox/webhooks/secrets.js'
import { listWebhooks, type ManagedWebhook } from '../../outbox/webhooks/webhook-store.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import type { CheckContext, Finding } from './finding.js'

/** Checks that webhooks take their messages, and can be signed for and called with these settings. */
export async function checkWebhooks(context: CheckContext): Promise<Finding[]> {
  const webhooks = await listWebhooks(context.database)
  const problems = [
    ...webhooks.flatMap(describeState),
    ...(await findUnusable(webhooks, context)),
    ...(await findDeadLetters(context)),
  ]
  if (problems.length === 0)
    return [{ state: 'ok', check: 'webhooks', explanation: 'all take their messages' }]
  return problems.map((explanation) => ({ state: 'warn', check: 'webhooks', explanation }))
}

/** Returns why a webhook gets no messages. One that an operator has disabled is no problem. */
function describeState({ name, disabledReason, failingSince }: ManagedWebhook): string[] {
  if (disabledReason === 'gone') return [`${name} is disabled, since its endpoint has responded with 410`]
  if (disabledReason === 'failing')
    return [`${name} is disabled, since its endpoint has taken no message for days`]
  return failingSince && !disabledReason ? [`${name} has failed since ${failingSince.toISOString()}`] : []
}

async function findUnusable(
  webhooks: ManagedWebhook[],
  { config, database }: CheckContext,
): Promise<string[]> {
  const enabled = webhooks.filter(({ disabledAt }) => disabledAt === null).map(({ id }) => id)
  return (await findEndpoints(enabled, database)).flatMap((endpoint) => {
    const { name, url } = endpoint
    try {
      openSecrets(endpoint, sealingKeysOf(config))
    } catch (error) {
      return [`${name} cannot be signed for: ${reasonOf(error as Error)}`]
    }
    return toRequestUrl(url, config.webhookInternalHosts)
      ? []
      : [`${name} is called without TLS, and WEBHOOK_INTERNAL_HOSTS does not name its host`]
  })
}

async function findDeadLetters({ database }: CheckContext): Promise<string[]> {
  const [letter] = await listDeliveries({ webhook: null, onlyDead: true, limit: 1 }, database)
  return letter ? ['some messages could not be delivered: latchkey webhooks dead-letters lists them'] : []
}
