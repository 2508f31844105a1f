import { spawnSync } from 'node:child_process'
import t from 'tap'
import { counter, durations, gauge, info } from '../../src/metrics/definition.js'
import { expose, type Family } from '../../src/metrics/exposition.js'
import { createMetrics, exposeMetrics } from '../../src/metrics/index.js'
import { Histogram, NumberMetric } from '../../src/metrics/instruments.js'

/** Returns one metric of each kind. */
function everyKind(): Family[] {
  const logins = counter('logins', 'Logins.', { labels: { outcome: ['ok', 'failed'] } })
  const age = gauge('age_seconds', 'Age.', { unit: 'seconds' })
  const duration = durations('duration_seconds', 'Duration.', [0.5, 1], {
    route: 'the routes',
    status: ['', '200'],
  })
  const build = info('build', 'Build.', { version: 'the version' })
  const loginMetric = new NumberMetric(logins)
  loginMetric.add({ outcome: 'ok' })
  loginMetric.add({ outcome: 'ok' }, 1.5)
  const ageMetric = new NumberMetric(age)
  ageMetric.observe({}, () => 3)
  const durationMetric = new Histogram(duration)
  for (const seconds of [0.25, 0.5, 0.75, 2])
    durationMetric.record({ route: '/a"b\\c\nd', status: '' }, seconds)
  const buildMetric = new NumberMetric(build)
  buildMetric.add({ version: '1.2' })
  return [
    [logins, loginMetric],
    [age, ageMetric],
    [duration, durationMetric],
    [build, buildMetric],
  ]
}

const samples = {
  logins: 'logins_total{outcome="ok"} 2.5\n',
  age: 'age_seconds 3\n',
  duration:
    'duration_seconds_bucket{route="/a\\"b\\\\c\\nd",le="0.5"} 2\n' +
    'duration_seconds_bucket{route="/a\\"b\\\\c\\nd",le="1.0"} 3\n' +
    'duration_seconds_bucket{route="/a\\"b\\\\c\\nd",le="+Inf"} 4\n' +
    'duration_seconds_sum{route="/a\\"b\\\\c\\nd"} 3.5\n' +
    'duration_seconds_count{route="/a\\"b\\\\c\\nd"} 4\n',
  build: 'build_info{version="1.2"} 1\n',
}

t.test('the text format names samples, and has no units', async (t) => {
  t.equal(
    expose(everyKind(), 'text'),
    `# HELP logins_total Logins.\n# TYPE logins_total counter\n${samples.logins}` +
      `# HELP age_seconds Age.\n# TYPE age_seconds gauge\n${samples.age}` +
      `# HELP duration_seconds Duration.\n# TYPE duration_seconds histogram\n${samples.duration}` +
      `# HELP build_info Build.\n# TYPE build_info gauge\n${samples.build}`,
  )
})

t.test('OpenMetrics names families without suffix, has units, and ends with EOF', async (t) => {
  t.equal(
    expose(everyKind(), 'openmetrics'),
    `# HELP logins Logins.\n# TYPE logins counter\n${samples.logins}` +
      `# HELP age_seconds Age.\n# TYPE age_seconds gauge\n# UNIT age_seconds seconds\n${samples.age}` +
      `# HELP duration_seconds Duration.\n# TYPE duration_seconds histogram\n# UNIT duration_seconds seconds\n${samples.duration}` +
      `# HELP build Build.\n# TYPE build info\n${samples.build}# EOF\n`,
  )
})

t.test('a metric without a value is left out', async (t) => {
  const age = gauge('age_seconds', 'Age.')
  const metric = new NumberMetric(age)
  t.equal(expose([[age, metric]], 'text'), '')
  metric.observe({}, () => undefined)
  t.equal(expose([[age, metric]], 'openmetrics'), '# EOF\n')
})

t.test('a duration is recorded even if the task fails', async (t) => {
  const definition = durations('duration_seconds', 'Duration.', [60])
  const metric = new Histogram(definition)
  t.equal(await metric.time({}, async () => 'done'), 'done')
  await t.rejects(
    metric.time({}, () => Promise.reject(new Error('no luck'))),
    { message: 'no luck' },
  )
  t.match(expose([[definition, metric]], 'text'), 'duration_seconds_count 2\n')
})

t.test('promtool finds nothing to criticise in the names of all metrics', async (t) => {
  const { error, status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
    input: exposeMetrics(createMetrics(), 'text'),
    encoding: 'utf8',
  })
  if (error) return void t.pass('promtool is not installed')
  t.equal(stdout + stderr, '')
  t.equal(status, 0)
})

t.test('a histogram without bounds has the bucket of everything', async (t) => {
  const definition = durations('duration_seconds', 'Duration.', [])
  const metric = new Histogram(definition)
  metric.record({}, 7)
  t.match(expose([[definition, metric]], 'text'), 'duration_seconds_bucket{le="+Inf"} 1\n')
})
