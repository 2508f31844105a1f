import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { runPeriodically } from '../../lifecycle/periodic.js'
import { webhookStates } from '../../metrics/catalogue/work.js'
import { type Backlog, readBacklogs } from './backlog.js'

/** Time between two measurements (milliseconds). Scrapes get the last one. */
const intervalMs = 10_000

/** Observes the backlog of webhooks. Every process measures that of all of them. */
export const webhookMetrics = plugin(observeWebhooks, {
  name: 'webhook-metrics',
  dependencies: ['metrics', 'database'],
})

async function observeWebhooks(app: FastifyInstance): Promise<void> {
  const { database, metrics, outage } = app
  let backlogs: Backlog[] | undefined

  async function measure(): Promise<void> {
    backlogs = await readBacklogs(database)
  }

  for (const state of webhookStates)
    metrics.webhooks.observe({ state }, () => backlogs?.filter((backlog) => backlog.state === state).length)
  for (const state of ['pending', 'dead'] as const)
    metrics.webhookMessages.observe({ state }, () =>
      backlogs?.reduce((sum, backlog) => sum + backlog[state], 0),
    )
  metrics.webhookOldestAge.observe(
    {},
    () => backlogs && Math.max(0, ...backlogs.map(({ oldestAgeSeconds }) => oldestAgeSeconds)),
  )
  runPeriodically(app, 'measuring the backlog of webhooks', intervalMs, () => outage.unless(measure))
}
