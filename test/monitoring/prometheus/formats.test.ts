import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import t, { type Test } from 'tap'
import { until } from '../../helpers/replicas.js'
import { withoutPrometheus } from './prometheus.js'
import { createUsers, startMonitoredService, watch } from './situation.js'

const textFormat = 'text/plain;version=0.0.4'

/** What promtool says about names that OpenTelemetry's conventions prescribe. */
const prescribed =
  /^db_client_connection_count non-histogram and non-summary metrics should not have "_count" suffix$/

t.test('promtool finds nothing wrong in the text format', { skip: withoutPrometheus }, async (t) => {
  const { metrics } = await startMonitoredService(t, await createUsers(t))
  const input = await (await fetch(`http://${metrics}/metrics`, { headers: { accept: textFormat } })).text()
  const { stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  const complaints = (stdout + stderr).split('\n').filter((line) => line && !prescribed.test(line))
  t.same(complaints, [])
})

t.test('Prometheus reads the same series from both formats', { skip: withoutPrometheus }, async (t) => {
  const service = await startMonitoredService(t, await createUsers(t))
  const asked: string[] = []
  const relay = await startRelay(t, service.metrics, asked)
  const prometheus = await watch(t, service, { ...service, metrics: relay })
  const count = async (metrics: string) => {
    const counted = await prometheus.query(
      `count by (__name__) ({instance="${metrics}", __name__!~"scrape_.*|up"})`,
    )
    return new Map(counted.map(({ metric, value }) => [String(metric.__name__), value]))
  }
  // A series that appears is in one of them before it is in the other.
  await until('the same series', async () =>
    isDeepStrictEqual(await count(relay), await count(service.metrics)),
  )
  t.ok((await count(relay)).size > 50)
  t.match(asked[0], /^application\/openmetrics-text;version=1.0.0,/, 'Prometheus prefers OpenMetrics')
})

/** Starts a server that asks for the text format, whatever it is asked for. @returns its address (host:port) */
async function startRelay(t: Test, metrics: string, asked: string[]): Promise<string> {
  const server = createServer(async ({ headers }, response) => {
    asked.push(String(headers.accept))
    const answer = await fetch(`http://${metrics}/metrics`, { headers: { accept: textFormat } })
    response.setHeader('content-type', String(answer.headers.get('content-type')))
    response.end(await answer.text())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}
