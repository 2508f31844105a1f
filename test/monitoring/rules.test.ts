import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'
import { divideBy } from '#scripts/lib/monitoring/duration.js'
import { createMonitoringFiles } from '#scripts/lib/monitoring/files.js'
import { createRules } from '#scripts/lib/monitoring/rules/index.js'
import { auditActions } from '../../src/audit/event.js'
import { listAlertNames, readRules } from './files.js'

const page = readFileSync('docs/alerts.md', 'utf8')

t.test('the committed files are those that npm run monitoring writes', async (t) => {
  for (const [path, text] of Object.entries(createMonitoringFiles()))
    t.equal(readFileSync(path, 'utf8'), text, path)
})

t.test('each alert says how urgent it is, what is wrong, and where to read what to do', async (t) => {
  for (const { alert = '', labels, annotations } of readRules().filter((rule) => rule.alert)) {
    t.match(labels?.severity, /^(critical|warning)$/, alert)
    t.match(annotations?.summary, /^.{10,80}$/, alert)
    t.match(annotations?.description, /\.$/, alert)
    t.equal(annotations?.runbook_url, `docs/alerts.md#${alert.toLowerCase()}`)
  }
})

t.test('docs/alerts.md has a section with steps for each alert, and for nothing else', async (t) => {
  const [, sections = ''] = page.split('\n## Alerts\n')
  const headings = [...sections.matchAll(/^### (.+)$/gm)].map(([, heading]) => heading)
  t.same(new Set(headings), listAlertNames())
  for (const section of sections.split('\n### ').slice(1)) t.match(section, /^\w+\n\n\S.*\n1\. /s, section)
})

t.test('docs/alerts.md has the burn rates of the rules', async (t) => {
  for (const { alert, labels, expr } of readRules()) {
    if (alert !== 'LatchkeyLoginsFailing') continue
    const [, limit] = / > ([\d.]+)\nand/.exec(expr) ?? []
    const [long, short] = [labels?.long_window, labels?.short_window].map(spellOut)
    t.match(page, `| ${long} | ${short} | ${Number((Number(limit) * 100).toPrecision(6))}% |`)
    t.match(page, new RegExp(`\\| ${long} \\|.* \\| ${labels?.severity} \\|`))
  }
})

t.test('docs/alerts.md names audit events that exist', async (t) => {
  for (const [, action = ''] of page.matchAll(/--action (\w+)/g))
    t.ok(
      auditActions.some((name) => name === action),
      action,
    )
})

interface UnitTest {
  alert_rule_test: { alertname: string; exp_alerts: unknown[] }[]
}

t.test('each alert has unit tests in which it fires, and in which it does not', async (t) => {
  const folder = 'deploy/prometheus/tests'
  const checks = readdirSync(folder)
    .flatMap((name) => (parse(readFileSync(`${folder}/${name}`, 'utf8')) as { tests: UnitTest[] }).tests)
    .flatMap((test) => test.alert_rule_test)
  const fires = checks.filter(({ exp_alerts }) => exp_alerts.length > 0).map(({ alertname }) => alertname)
  const silent = checks.filter(({ exp_alerts }) => exp_alerts.length === 0).map(({ alertname }) => alertname)
  t.same(new Set(fires), listAlertNames())
  t.same(new Set(silent), listAlertNames())
})

/** Alerts that no test makes fire in a real Prometheus, with the reason. */
const notCaused = new Map([
  ['LatchkeyDatabaseNodeUnavailable', 'takes a cluster of databases'],
  ['LatchkeyRestarting', 'takes three restarts within a short window'],
  ['LatchkeyVersionsMixed', 'takes a second version'],
  ['LatchkeyEventLoopBlocked', 'nothing that a client sends blocks it for so long'],
  ['LatchkeyHeapNearlyFull', 'nothing that a client sends fills it'],
  ['LatchkeyFilesNearlyExhausted', 'takes thousands of connections'],
  ['LatchkeyTaskStalled', 'takes ten minutes, whatever the durations of the rules are'],
  ['LatchkeyWorkDropped', 'takes a thousand waiting tasks'],
])

t.test('each alert is made to fire in a real Prometheus, or it is known why not', async (t) => {
  const tests = readdirSync('test/monitoring/prometheus')
    .map((name) => readFileSync(`test/monitoring/prometheus/${name}`, 'utf8'))
    .join()
  for (const name of listAlertNames()) t.not(tests.includes(`'${name}'`), notCaused.has(name), name)
})

t.test('all durations of the rules can be divided, for tests that run them', async (t) => {
  const divided = JSON.stringify(createRules({ time: divideBy(60), runbooks: '' }))
  t.match(divided, '[5000ms]', '5m')
  t.match(divided, '"for":"2000ms"', '2m')
  t.notMatch(divided, /\[\d+[smhd]\]|"for":"\d+[smhd]"/)
})

/** Returns a duration of Prometheus as the page writes it. */
function spellOut(duration = ''): string {
  const [, number, unit = ''] = /^(\d+)(\w)$/.exec(duration) ?? []
  const days = number === '1' ? 'day' : 'days'
  return `${number} ${{ m: 'min', h: 'h', d: days }[unit]}`
}
