import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type { Config } from '../../config/index.js'
import { retryableOnce } from '../../lifecycle/once.js'
import { runPeriodically } from '../../lifecycle/periodic.js'
import { reasonOf } from '../../lifecycle/reason.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import { delayAfter } from '../backoff.js'
import { type Attempt, leaseMessages, settleDelivered, settleFailed } from '../lease.js'
import { attemptDelivery, type Endpoint, type Outcome } from './attempt.js'
import { disableFailing, disableGone, excuseIdleTime, noteFailure, noteSuccess } from './endpoint-health.js'
import { findEndpoints, resealSecrets } from './secret-store.js'

/** Time between two searches for due messages (milliseconds). New messages are announced by the change feed. */
const intervalMs = 5_000

const enabledWebhooks = {
  targets: 'SELECT id::text, failing_since IS NOT NULL FROM webhooks WHERE disabled_at IS NULL',
  change: excuseIdleTime,
}

/**
 * Delivers audit events to webhooks. Endpoints do not hold up each other: a process sends at most one batch to each at a time, and
 * leases the next one when all attempts of the batch have ended. Closing the service waits for these, which takes at most the time
 * limit of a request.
 */
export const webhooks = plugin(registerWebhooks, {
  name: 'webhooks',
  dependencies: ['change-feed', 'metrics'],
})

async function registerWebhooks(
  app: FastifyInstance,
  {
    config,
  }: { config: Pick<Config, 'keyEncryptionSecret' | 'keyEncryptionSecretPrevious' | 'webhookInternalHosts'> },
): Promise<void> {
  const { database, log, metrics, outage } = app
  const settings = { sealingKeys: sealingKeysOf(config), internalHosts: config.webhookInternalHosts }
  /** Batches under way, by the ids of their endpoints. */
  const batches = new Map<string, Promise<unknown>>()
  let closing = false

  const prepare = retryableOnce(async function resealOnce() {
    for (const { name, reason } of await resealSecrets(settings.sealingKeys, database))
      log.error({ webhook: name, reason }, 'the secret of a webhook cannot be encrypted anew')
  })

  async function startBatches(): Promise<void> {
    if (closing) return
    await prepare()
    const attempts = await leaseMessages('webhook', enabledWebhooks, [...batches.keys()], database)
    if (attempts.length === 0) return
    const endpoints = await findEndpoints([...new Set(attempts.map(({ target }) => target))], database)
    for (const endpoint of endpoints)
      startBatch(
        endpoint,
        attempts.filter(({ target }) => target === endpoint.id),
      )
  }

  function startBatch(endpoint: Endpoint, attempts: Attempt[]): void {
    const batch = Promise.all(attempts.map((attempt) => deliver(attempt, endpoint))).finally(() => {
      batches.delete(endpoint.id)
      wake()
    })
    batches.set(endpoint.id, batch)
  }

  /** Makes an attempt. If its outcome cannot be stored, it is repeated when the lease has ended. */
  async function deliver(attempt: Attempt, endpoint: Endpoint): Promise<void> {
    const outcome = await metrics.webhookAttemptDuration.time({}, () =>
      attemptDelivery(attempt, endpoint, settings),
    )
    await outage
      .unless(() => settle(attempt, endpoint, outcome))
      .catch((error: Error) => log.warn({ reason: reasonOf(error) }, 'settling a webhook message failed'))
  }

  /** Stores the outcome of an attempt. Every outcome passes here once. */
  async function settle(attempt: Attempt, { id, name }: Endpoint, outcome: Outcome): Promise<void> {
    if (outcome.kind === 'delivered') {
      await settleDelivered(attempt, database)
      metrics.webhookAttempts.add({ outcome: 'delivered' })
      return noteSuccess(id, database)
    }
    const { kind, reason, retryAfterSeconds } = outcome
    const isGone = kind === 'gone'
    const delaySeconds = isGone ? Number.POSITIVE_INFINITY : delayAfter(attempt.number, retryAfterSeconds)
    const isDead = await settleFailed(attempt, { reason, delaySeconds }, database)
    metrics.webhookAttempts.add({ outcome: isDead ? 'dead' : 'retried' })
    if (!isGone) await noteFailure(id, database)
    if (!isDead) return
    log.error({ webhook: name, message: attempt.id, reason }, 'a webhook message could not be delivered')
    if (await (isGone ? disableGone(id, database) : disableFailing(id, database)))
      log.error({ webhook: name, reason }, 'the webhook is disabled')
  }

  app.addHook('preClose', async function startNoBatch() {
    closing = true
  })
  // Hooks on close run in reverse order: this one runs when the periodic task below has ended.
  app.addHook('onClose', async function finishBatches() {
    await Promise.all(batches.values())
  })
  const wake = runPeriodically(app, 'delivering webhooks', intervalMs, () => outage.unless(startBatches))
  app.changes.subscribe(function followOutbox(change) {
    if (change === null || change === 'outbox:webhook') wake()
  })
}
