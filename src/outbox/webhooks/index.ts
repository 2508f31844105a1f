import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type { Config } from '../../config/index.js'
import { retryableOnce } from '../../lifecycle/once.js'
import { runPeriodically } from '../../lifecycle/periodic.js'
import { reasonOf } from '../../lifecycle/reason.js'
import { sealingKeysOf } from '../../sealing/sealing-keys.js'
import { type Attempt, leaseMessages } from '../lease.js'
import { attemptDelivery, type Endpoint } from './attempt.js'
import { excuseIdleTime } from './endpoint-health.js'
import { findEndpoints, resealSecrets } from './secret-store.js'
import { settle } from './settle.js'

/** Time between two searches for due messages (milliseconds). New messages are announced by the change feed. */
const intervalMs = 5_000

const enabledWebhooks = {
  targets: 'SELECT id::text, failing_since IS NOT NULL FROM webhooks WHERE disabled_at IS NULL',
  update: excuseIdleTime,
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

  const resealOnce = retryableOnce(async function reseal() {
    for (const { name, reason } of await resealSecrets(settings.sealingKeys, database))
      log.error({ webhook: name, reason }, 'the secret of a webhook cannot be encrypted anew')
  })

  async function startBatches(): Promise<void> {
    await resealOnce()
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
      .unless(() => settle(attempt, endpoint, outcome, app))
      .catch((error: Error) => log.warn({ reason: reasonOf(error) }, 'settling a webhook message failed'))
  }

  // Hooks on close run in reverse order: this one runs when the periodic task below has ended.
  app.addHook('onClose', async function finishBatches() {
    await Promise.all(batches.values())
  })
  const wake = runPeriodically(app, 'delivering webhooks', intervalMs, () => outage.unless(startBatches))
  app.changes.subscribe(function followOutbox(change) {
    if (change === null || change === 'outbox:webhook') wake()
  })
}
