import { randomBytes } from 'node:crypto'
import t from 'tap'
import { until, withoutDocker } from './docker.js'
import { startProfile } from './project.js'

const skip = withoutDocker('postgres:18', 'nginx:stable-alpine', 'prom/prometheus')

interface Target {
  health: string
  scrapePool: string
}

t.test('the profile observability', { skip }, async (t) => {
  const { origin, ports, compose } = await startProfile(t, 'observability')
  const ask = async (port: number | undefined, path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`)
    return { status: response.status, body: (await response.json()) as { data: unknown } }
  }
  const askPrometheus = async (path: string) =>
    (await ask(ports.PROMETHEUS_PORT, `/api/v1/${path}`)).body.data

  t.test('scrapes all replicas', async (t) => {
    await compose(
      'up',
      '--detach',
      '--wait',
      '--no-build',
      '--no-recreate',
      '--scale',
      'latchkey=3',
      'latchkey',
    )
    const health = async () => {
      const { activeTargets } = (await askPrometheus('targets')) as { activeTargets: Target[] }
      return activeTargets.filter(({ scrapePool }) => scrapePool === 'latchkey').map(({ health }) => health)
    }
    await until('three targets', async () => (await health()).join() === 'up,up,up')
    t.match(await health(), ['up', 'up', 'up'])
  })

  t.test('evaluates the rules', async (t) => {
    const { groups } = (await askPrometheus('rules')) as { groups: { rules: { health: string }[] }[] }
    const rules = groups.flatMap(({ rules }) => rules)
    t.ok(rules.length > 0)
    for (const { health } of rules) t.not(health, 'err')
  })

  t.test('shows the dashboard to anybody on this machine, who can change nothing', async (t) => {
    const grafana = (path: string) => ask(ports.GRAFANA_PORT, path)
    await until(
      'Grafana',
      async () => (await grafana('/api/health').catch(() => ({ status: 0 }))).status === 200,
    )
    const found = await grafana('/api/search?type=dash-db')
    t.match(found.body, [{ title: /Latchkey/ }])
    t.not((await grafana('/api/admin/settings')).status, 200)
  })

  t.test('receives the trace of a login', async (t) => {
    const traceId = randomBytes(16).toString('hex')
    const { status } = await fetch(`${origin}/token`, {
      method: 'POST',
      headers: { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` },
      body: new URLSearchParams({ username: 'johndoe', password: 'secret' }),
    })
    t.equal(status, 200)
    await until(
      'the trace',
      async () => (await ask(ports.TRACES_PORT, `/api/traces/${traceId}`)).status === 200,
    )
  })
})
