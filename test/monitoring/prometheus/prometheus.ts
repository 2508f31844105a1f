import { type ChildProcess, type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'
import { stringify } from 'yaml'
import { until } from '../../helpers/wait.js'

/** Why tests that need Prometheus and its promtool are skipped, or false. */
export const withoutPrometheus = ['prometheus', 'promtool'].some(
  (name) => spawnSync(name, ['--version']).error,
)
  ? 'Prometheus is not installed'
  : false

/** A value of one series. */
interface Sample {
  metric: Record<string, string>
  value: number
}

/** An alert that is pending or firing. */
interface ActiveAlert {
  labels: Record<string, string>
  annotations: Record<string, string>
  state: 'pending' | 'firing'
}

/** A running Prometheus. */
export interface Prometheus {
  /** Returns the values of an expression now. Rejects if the expression is invalid. */
  query(expression: string): Promise<Sample[]>
  /** Returns the alerts that are not inactive. */
  listAlerts(): Promise<ActiveAlert[]>
  /** Returns the rules whose last evaluation failed, with the reason. */
  listFailedRules(): Promise<string[]>
}

/** What a Prometheus scrapes and evaluates. */
export interface PrometheusOptions {
  /** Addresses of processes (host:port). */
  targets: string[]
  /** Text of a file of rules. */
  rules?: string
}

/** Starts a Prometheus that scrapes and evaluates twice a second, under the job `latchkey`. It ends with the test. */
export async function startPrometheus(t: Test, options: PrometheusOptions): Promise<Prometheus> {
  const folder = mkdtempSync(join(tmpdir(), 'latchkey-prometheus-'))
  const child = spawn('prometheus', configure(folder, options), { stdio: ['ignore', 'ignore', 'pipe'] })
  t.teardown(async () => {
    await stop(child)
    rmSync(folder, { recursive: true })
  })
  const origin = await readOrigin(child)
  await until(async () => (await fetch(`${origin}/-/ready`)).ok)

  async function get<Data>(path: string): Promise<Data> {
    const response = await fetch(`${origin}/api/v1/${path}`)
    const { data, error } = (await response.json()) as { data: Data; error?: string }
    if (error) throw new Error(`${error} (${decodeURIComponent(path)})`)
    return data
  }
  return {
    async query(expression) {
      const { result } = await get<{ result: { metric: Sample['metric']; value: [number, string] }[] }>(
        `query?query=${encodeURIComponent(expression)}`,
      )
      return result.map(({ metric, value: [, value] }) => ({ metric, value: Number(value) }))
    },
    async listAlerts() {
      return (await get<{ alerts: ActiveAlert[] }>('alerts')).alerts
    },
    async listFailedRules() {
      const { groups } = await get<{ groups: { rules: { name: string; lastError?: string }[] }[] }>('rules')
      return groups
        .flatMap(({ rules }) => rules)
        .flatMap(({ name, lastError }) => (lastError ? [`${name}: ${lastError}`] : []))
    },
  }
}

/** Writes the configuration, and returns the arguments of the program. */
function configure(folder: string, { targets, rules = '' }: PrometheusOptions): string[] {
  const configuration = {
    global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '500ms' },
    rule_files: ['rules.yml'],
    scrape_configs: [{ job_name: 'latchkey', static_configs: [{ targets }] }],
  }
  writeFileSync(join(folder, 'prometheus.yml'), stringify(configuration))
  writeFileSync(join(folder, 'rules.yml'), rules)
  return [
    `--config.file=${join(folder, 'prometheus.yml')}`,
    `--storage.tsdb.path=${join(folder, 'data')}`,
    '--web.listen-address=127.0.0.1:0',
  ]
}

/** Returns the address that the program reports to have chosen. */
async function readOrigin(child: ChildProcessByStdio<null, null, Readable>): Promise<string> {
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  const findAddress = () => /msg="Listening on" address=(\S+)\n?/.exec(log)?.[1]
  await until(() => findAddress() !== undefined || child.exitCode !== null)
  const address = findAddress()
  if (!address) throw new Error(`Prometheus ended\n${log}`)
  return `http://${address}`
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
