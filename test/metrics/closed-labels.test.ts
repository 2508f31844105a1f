import { METHODS } from 'node:http'
import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { exposeMetrics } from '../../src/metrics/index.js'
import { startApp } from '../helpers/app.js'
import { readSamples } from '../helpers/metrics.js'
import { chooseFrom, createRandom } from '../helpers/random.js'
import { until } from '../helpers/wait.js'

/** Number of requests with random parts. */
const requests = 10_000

/** Periodic tasks run statements meanwhile. The labels of statements have no values but those of the catalogue. */
const ofStatements = 'db_client_operation_duration_seconds'

/** Methods that clients can send. */
const methods = METHODS.filter((method) => method !== 'CONNECT')

t.test('10,000 random paths, methods, clients and grants add no time series', async (t) => {
  const app = await startApp(t, { METRICS_PORT: '0', METRICS_CLIENTS: '5' })
  const random = createRandom(1)
  const text = () => random().toString(36).slice(2)
  const ask = (method: string, url: string) => app.inject({ method: method as 'GET', url })
  const askForToken = (grant_type: string, client_id: string) =>
    app.inject({
      method: 'POST',
      url: '/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams({ grant_type, client_id, refresh_token: text() }).toString(),
    })
  const kinds = [
    () => ask(chooseFrom(methods, random), `/${text()}/${text()}?${text()}=${text()}`),
    () => ask('GET', `/users/${text()}/items/${text()}`),
    () => ask('GET', `/status-lists/${text()}`),
    () => askForToken(text(), text()),
    () => askForToken(chooseFrom(['refresh_token', 'client_credentials'], random), text()),
  ]

  async function listSeries(app: FastifyInstance): Promise<string[]> {
    const read = () => readSamples(exposeMetrics(app.metrics, 'openmetrics'))
    await until(() =>
      [...read()].every(([series, value]) => !series.startsWith('http_server_active') || value === 0),
    )
    return [...read().keys()].filter((series) => !series.startsWith(ofStatements))
  }

  for (const method of methods) await ask(method, '/nothing')
  for (const askOnce of kinds) await askOnce()
  await until(async () => (await listSeries(app)).some((series) => series.startsWith('latchkey_webhooks{')))
  const known = new Set(await listSeries(app))
  t.ok(
    known.has(
      'http_server_request_duration_seconds_count{http_request_method="_OTHER",http_response_status_code="404"}',
    ),
  )
  for (let request = 0; request < requests; request++)
    await chooseFrom(kinds.slice(0, request % 50 ? 4 : 5), random)()
  t.same(
    (await listSeries(app)).filter((series) => !known.has(series)),
    [],
  )
})
