import type { FastifyInstance } from 'fastify'
import { delayAfter } from '../backoff.js'
import { type Attempt, settleDelivered, settleFailed } from '../lease.js'
import type { Endpoint, Outcome } from './attempt.js'
import { disableFailing, disableGone, noteFailure, noteSuccess } from './endpoint-health.js'

type Context = Pick<FastifyInstance, 'database' | 'log' | 'metrics'>

/** Stores the outcome of an attempt. Every outcome passes here once. */
export async function settle(
  attempt: Attempt,
  endpoint: Endpoint,
  outcome: Outcome,
  context: Context,
): Promise<void> {
  if (outcome.kind !== 'delivered') return settleFailure(attempt, endpoint, outcome, context)
  const { database, metrics } = context
  await settleDelivered(attempt, database)
  metrics.webhookAttempts.add({ outcome: 'delivered' })
  await noteSuccess(endpoint.id, database)
}

async function settleFailure(
  attempt: Attempt,
  { id, name }: Endpoint,
  { kind, reason, retryAfterSeconds }: Exclude<Outcome, { kind: 'delivered' }>,
  { database, log, metrics }: Context,
): Promise<void> {
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
