import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import t from 'tap'
import { withoutPrometheus } from './prometheus.js'

const folder = 'deploy/prometheus'
const unitTests = readdirSync(`${folder}/tests`).map((name) => `${folder}/tests/${name}`)

/** Commands that must succeed, by what they show. */
const commands = {
  'Prometheus accepts the configuration': ['check', 'config', `${folder}/prometheus.yml`],
  'Prometheus accepts the rules': ['check', 'rules', `${folder}/rules.yml`],
  'the alerts pass their unit tests': ['test', 'rules', ...unitTests],
}

for (const [title, args] of Object.entries(commands))
  t.test(title, { skip: withoutPrometheus }, async (t) => {
    const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' })
    t.equal(status, 0, stdout + stderr)
  })
