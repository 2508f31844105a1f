import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { exposeMetrics } from '../../src/metrics/index.js'
import { readBacklogs } from '../../src/outbox/webhooks/backlog.js'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { cloneDatabase } from '../helpers/database.js'
import { readSamples, watchMetrics } from '../helpers/metrics.js'
import { until } from '../helpers/wait.js'
import { createWebhook, makeDue, startReceiver } from '../helpers/webhooks.js'

const endpoint = { url: 'https://audit.example.com/', settings: { WEBHOOK_INTERNAL_HOSTS: '' } }

/** Stores messages of a webhook. @param columns SQL of the columns that differ from those of a new message */
function storeMessages(url: string, webhook: string, count: number, columns: Record<string, string>) {
  const names = ['kind', 'target', 'payload', ...Object.keys(columns)]
  return query(
    url,
    `INSERT INTO outbox (${names.join(', ')}) SELECT ${["'webhook'", 'id', "'{}'", ...Object.values(columns)].join(', ')}
     FROM webhooks, generate_series(1, $2::int) WHERE name = $1`,
    [webhook, count],
  )
}

const later = "now() + interval '1 hour'"
const delivered = { next_attempt_at: 'NULL', delivered_at: 'now()' }
const dead = { next_attempt_at: 'NULL' }

const read = (app: FastifyInstance) => readSamples(exposeMetrics(app.metrics, 'text'))

t.test('attempts are counted by their outcome, and timed', async (t) => {
  const statuses = [500, 204, 410]
  const receiver = await startReceiver(t, (response) => response.writeHead(Number(statuses.shift())).end())
  const url = await cloneDatabase(t)
  await createWebhook(url, 'audit', receiver, '--action', 'login')
  const app = await startApp(t, receiver.settings, url)
  const risen = watchMetrics(app)
  const count = (outcome: string) => risen(`latchkey_webhook_attempts_total{outcome="${outcome}"}`)
  await logIn(app, 'johndoe', 'secret')
  await until(() => count('retried') === 1)
  await makeDue(url)
  await until(() => count('delivered') === 1)
  await logIn(app, 'johndoe', 'secret')
  await until(() => count('dead') === 1)
  t.same(['delivered', 'retried', 'dead'].map(count), [1, 1, 1])
  t.equal(risen('latchkey_webhook_attempt_duration_seconds_count'), 3)
})

t.test('where metrics are served, the backlog of the webhooks is measured', async (t) => {
  const url = await cloneDatabase(t)
  for (const name of ['busy', 'failing', 'paused', 'gone']) await createWebhook(url, name, endpoint)
  await query(url, 'TRUNCATE outbox')
  await query(
    url,
    `UPDATE webhooks SET failing_since = CASE name WHEN 'failing' THEN now() END,
       disabled_at = CASE WHEN name IN ('paused', 'gone') THEN now() END,
       disabled_reason = CASE name WHEN 'paused' THEN 'operator' WHEN 'gone' THEN 'gone' END`,
  )
  await storeMessages(url, 'busy', 3, delivered)
  await storeMessages(url, 'busy', 2, { next_attempt_at: later })
  await storeMessages(url, 'failing', 1, {
    next_attempt_at: later,
    created_at: "now() - interval '90 minutes'",
  })
  await storeMessages(url, 'paused', 1, { next_attempt_at: later, created_at: "now() - interval '1 day'" })
  await storeMessages(url, 'gone', 2, dead)
  const app = await startApp(t, { METRICS_PORT: '0' }, url)
  t.notMatch(exposeMetrics(app.metrics, 'text'), 'latchkey_webhooks{', 'nothing before the first measurement')
  await app.ready()
  await until(() => read(app).has('latchkey_webhooks{state="active"}'))
  const samples = read(app)
  for (const state of ['active', 'failing', 'disabled', 'auto_disabled'])
    t.equal(samples.get(`latchkey_webhooks{state="${state}"}`), 1, state)
  t.equal(samples.get('latchkey_webhook_messages{state="pending"}'), 3, 'without those of disabled webhooks')
  t.equal(samples.get('latchkey_webhook_messages{state="dead"}'), 2)
  const age = Number(samples.get('latchkey_webhook_oldest_pending_age_seconds'))
  t.ok(age >= 90 * 60 && age < 24 * 60 * 60, `${age}`)
})

t.test('without webhooks there is no backlog', async (t) => {
  const app = await startApp(t, { METRICS_PORT: '0' })
  await app.ready()
  await until(() => read(app).has('latchkey_webhooks{state="active"}'))
  t.equal(read(app).get('latchkey_webhooks{state="active"}'), 0)
  t.equal(read(app).get('latchkey_webhook_oldest_pending_age_seconds'), 0)
})

t.test('the time for measuring is bounded, however many messages there are', async (t) => {
  const url = await cloneDatabase(t)
  await createWebhook(url, 'audit', endpoint)
  await query(url, 'TRUNCATE outbox')
  await storeMessages(url, 'audit', 20_000, delivered)
  await storeMessages(url, 'audit', 10_001, dead)
  await storeMessages(url, 'audit', 10_001, { next_attempt_at: later })
  await query(url, 'VACUUM ANALYZE outbox')
  const database = openDatabase({ databasePoolSize: 1, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  t.match(await readBacklogs(database), [{ pending: 10_000, dead: 10_000 }])

  const texts: string[] = []
  const recorder = { query: async ({ text }: { text: string }) => ({ rows: [texts.push(text)] }) }
  await readBacklogs({ pool: recorder as never, nameStatement: () => undefined })
  const plan = JSON.stringify(await query(url, `EXPLAIN ${texts[0]}`))
  t.notMatch(plan, 'Seq Scan on outbox')
  for (const index of ['outbox_pending_idx', 'outbox_dead_idx']) t.match(plan, index)
})
