import { readFileSync } from 'node:fs'
import t from 'tap'
import { readPanels } from './files.js'
import { findSchemaErrors } from './grafana-schema.js'

const text = readFileSync('deploy/grafana/latchkey.json', 'utf8')
const dashboard = JSON.parse(text) as { panels: object[]; id?: number }
const panels = readPanels()

t.test("the dashboard fits Grafana's schema", async (t) => {
  t.same(findSchemaErrors(text), [])
})

t.test('the check of the schema finds misspelled members and values, and says where', async (t) => {
  // The title of the first section, the figures below it, and a plot.
  const small = JSON.stringify({ ...dashboard, panels: dashboard.panels.slice(0, 8) }, null, 1)
  for (const [right, wrong, message] of [
    ['"sort": "desc"', '"sort": "down"', /"down".*SortOrder/],
    ['"lineWidth"', '"lineWith"', /"lineWith".*FieldConfig/],
    ['"gridPos"', '"gridPosition"', /"gridPosition"/],
    ['"type": "stat"', '"type": "stats"', /"stats"/],
  ] as const) {
    const altered = small.replace(right, wrong)
    const [first = ''] = findSchemaErrors(altered)
    t.match(first, message)
    t.match(altered.split('\n')[Number.parseInt(first, 10) - 1], wrong)
  }
})

t.test('each panel says what it shows, and in which unit', async (t) => {
  t.ok(panels.length > 40)
  for (const { title, description, fieldConfig, targets = [] } of panels) {
    t.match(description, /^[A-Z0-9].*\.$/, title)
    t.ok(fieldConfig?.defaults.unit, title)
    t.ok(targets.length > 0, title)
    for (const { legendFormat } of targets) t.ok(legendFormat, title)
  }
})

t.test('no panel has the number or a place of another', async (t) => {
  t.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
  )
  t.equal(new Set(cells).size, cells.length)
  for (const { title, gridPos } of panels) t.ok(gridPos.x + gridPos.w <= 24, title)
})

t.test('the dashboard works with any data source, and is of no other installation', async (t) => {
  const uids = [...text.matchAll(/"uid": "(.*)"/g)].map(([, uid]) => uid)
  t.same(new Set(uids), new Set(['latchkey', '$datasource']))
  t.notMatch(text, /"(__inputs|__requires|gnetId|version|iteration)"/)
  t.equal(dashboard.id, undefined)
})

t.test('queries choose the processes by the variables, and rates fit the zoom', async (t) => {
  for (const { title, targets = [] } of panels)
    for (const { expr } of targets) {
      if (!expr.includes('ALERTS')) t.match(expr, 'job=~"$job", instance=~"$instance"', title)
      for (const [, window] of expr.matchAll(/\[(.*?)\]/g))
        t.match(window, /^\$__(rate_interval|range)$/, title)
    }
})
