import t from 'tap'
import { startProxy } from '../../helpers/proxy.js'
import { beginTransaction, logIn, until } from '../../helpers/replicas.js'
import { startReplicatedServers } from '../../helpers/standby.js'
import { createWebhook, startReceiver } from '../../helpers/webhooks.js'
import { readPanels } from '../files.js'
import { type Prometheus, withoutPrometheus } from './prometheus.js'
import { keepDoing, startMonitoredService, watch } from './situation.js'
import { addItem, storeShop, useEverything } from './traffic.js'

/** What Grafana inserts into queries: all processes, and windows that reach back to the start of the test. */
const variables = new Map([
  ['$job', '.+'],
  ['$instance', '.+'],
  ['$__rate_interval', '10m'],
  ['$__range', '10m'],
])

/** Panels that stay empty in this test, with the reason. */
const empty = new Map([['Removed rows', 'expired rows are removed once a minute']])

t.test(
  'each query of the dashboard has data, and each rule can be evaluated',
  { skip: withoutPrometheus },
  async (t) => {
    const { primary, standby } = await startReplicatedServers(t)
    await storeShop(primary.url)
    const proxy = await startProxy(t, primary.url)
    const receiver = await startReceiver(t)
    await createWebhook(primary.url, 'audit', receiver)
    const service = await startMonitoredService(t, proxy.url, {
      ...receiver.settings,
      DATABASE_REPLICA_URL: standby.url,
      DATABASE_TIMEOUT_SECONDS: '2',
      METRICS_CLIENTS: '10',
    })
    const prometheus = await watch(t, service)

    await useEverything(service)
    const { access_token } = await logIn(service)
    const locking = await beginTransaction(t, primary.url, 'LOCK TABLE items')
    t.equal((await addItem(service, access_token)).status, 503, 'a statement takes too long')
    await locking.query('ROLLBACK')
    proxy.cut()
    const stop = keepDoing(t, () => logIn(service))
    await until(
      'an outage',
      async () => (await prometheus.query('latchkey_database_failures_total > 0')).length > 0,
    )
    await stop()
    proxy.open()

    const hasAll = async () => (await findEmptyQueries(prometheus)).length === 0
    await until('data for each query', hasAll).catch(() => {})
    t.same(await findEmptyQueries(prometheus), [])
    t.same(await prometheus.listFailedRules(), [])
  },
)

/** Returns the queries without data, with the titles of their panels. */
async function findEmptyQueries(prometheus: Prometheus): Promise<string[]> {
  const queries = readPanels()
    .filter(({ title }) => !empty.has(title))
    .flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ title, expr: insertVariables(expr) })))
  const found = await Promise.all(
    queries.map(async ({ title, expr }) =>
      (await prometheus.query(expr)).length > 0 ? [] : [`${title}: ${expr}`],
    ),
  )
  return found.flat()
}

function insertVariables(expression: string): string {
  return expression.replaceAll(/\$\w+/g, (name) => variables.get(name) ?? name)
}
