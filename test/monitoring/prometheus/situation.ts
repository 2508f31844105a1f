import { setTimeout as delay } from 'node:timers/promises'
import type { Test } from 'tap'
import { divideBy } from '#scripts/lib/monitoring/duration.js'
import { toYaml } from '#scripts/lib/monitoring/files.js'
import { createRules } from '#scripts/lib/monitoring/rules/index.js'
import { query } from '../../database/query.js'
import { cloneDatabase } from '../../helpers/database.js'
import { cheapHash, startReplica } from '../../helpers/replicas.js'
import type { Service } from '../../helpers/service.js'
import { until } from '../../helpers/wait.js'
import { type Prometheus, startPrometheus } from './prometheus.js'

/** How much shorter the durations of the rules are: a minute takes a second. */
const divisor = 60
/** Maximum time to wait for alerts, several times what a slow machine needs (milliseconds). */
const patienceMs = 120_000
/** Time between two looks at the alerts (milliseconds). */
const pollMs = 250
/** Pause between two repetitions of an action (milliseconds), which leaves processor time to the scrapes. */
const pauseMs = 20

/** The rules, with short durations. */
const rules = toYaml(createRules({ time: divideBy(divisor), runbooks: 'docs/alerts.md' }))

/** A service that serves metrics. */
export interface MonitoredService extends Service {
  /** Address of the metrics (host:port). */
  metrics: string
}

/** Creates a database whose users have this hash as that of their password. */
export async function createUsers(t: Test, hash = cheapHash): Promise<string> {
  const url = await cloneDatabase(t)
  await query(url, 'UPDATE users SET hashed_password = $1, rehashed_at = now()', [hash])
  return url
}

/** Starts the built service over a database. It serves metrics on a free port, unless the settings name one. */
export async function startMonitoredService(
  t: Test,
  url: string,
  settings: Record<string, string> = {},
): Promise<MonitoredService> {
  const service = await startReplica(t, url, { METRICS_PORT: '0', DATABASE_POOL_SIZE: '4', ...settings })
  const [, address, port] =
    /"address":"([^"]+)","port":(\d+),"msg":"serving metrics"/.exec(service.program.stdout) ?? []
  return { ...service, metrics: `${address}:${port}` }
}

/** Starts a Prometheus that evaluates the rules. Resolves when it has scraped all of the services. */
export async function watch(t: Test, ...services: MonitoredService[]): Promise<Prometheus> {
  const prometheus = await startPrometheus(t, { targets: services.map(({ metrics }) => metrics), rules })
  await until(async () => (await prometheus.query('up == 1')).length === services.length)
  return prometheus
}

/** Resolves when all of the alerts fire. */
export function untilFiring(prometheus: Prometheus, ...names: string[]): Promise<void> {
  return untilAlerts(prometheus, `${names} to fire`, (firing) => names.every((name) => firing.has(name)))
}

/** Resolves when none of the alerts fires. */
export function untilResolved(prometheus: Prometheus, ...names: string[]): Promise<void> {
  return untilAlerts(prometheus, `${names} to resolve`, (firing) => !names.some((name) => firing.has(name)))
}

/** Polls until the condition holds. Rejects after `patienceMs`, and says which alerts fire. */
async function untilAlerts(
  prometheus: Prometheus,
  what: string,
  condition: (firing: Set<string | undefined>) => boolean,
): Promise<void> {
  const deadline = Date.now() + patienceMs
  for (;;) {
    const alerts = await prometheus.listAlerts()
    const firing = alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels.alertname)
    if (condition(new Set(firing))) return
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}, while these fire: ${firing}`)
    await delay(pollMs)
  }
}

/** Repeats an action, whatever comes of it, until the returned function is called or the test ends. */
export function keepDoing(t: Test, action: () => Promise<unknown>): () => Promise<void> {
  let isStopped = false
  async function repeat(): Promise<void> {
    while (!isStopped) {
      await action().catch(() => {})
      await delay(pauseMs)
    }
  }
  const ended = repeat()
  async function stop(): Promise<void> {
    isStopped = true
    await ended
  }
  t.teardown(stop)
  return stop
}
