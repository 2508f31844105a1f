import t from 'tap'
import { listSeries } from './catalogue.js'
import { readPanels, readRules } from './files.js'
import { findReferences } from './promql.js'

const rules = readRules()
const series = listSeries()
for (const { record } of rules)
  if (record)
    series.set(
      record,
      new Map([
        ['namespace', null],
        ['job', null],
      ]),
    )

/** Every expression, by where it is used. */
const expressions = [
  ...rules.map(({ record, alert, expr }) => ({ place: record ?? alert ?? '', expr })),
  ...readPanels().flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ place: title, expr }))),
]

t.test('the references of an expression are found', async (t) => {
  const text = 'sum by (job, le) (rate(a_total{x="1", y=~"2|3"}[5m])) / on (job) b:c unless time() - d > 1'
  t.same(findReferences(text), {
    selectors: [
      {
        metric: 'a_total',
        matchers: [
          { label: 'x', values: ['1'] },
          { label: 'y', values: ['2', '3'] },
        ],
      },
      { metric: 'b:c', matchers: [] },
      { metric: 'd', matchers: [] },
    ],
    groupedBy: ['job', 'le', 'job'],
  })
})

t.test('rules and dashboard use metrics, labels and values of the catalogue only', async (t) => {
  t.ok(expressions.length > 100)
  for (const { place, expr } of expressions) {
    const { selectors, groupedBy } = findReferences(expr)
    t.ok(selectors.length > 0, place)
    for (const { metric, matchers } of selectors) {
      t.ok(series.has(metric), `${place}: ${metric}`)
      for (const { label, values } of matchers) {
        const known = series.get(metric)?.get(label)
        t.not(known, undefined, `${place}: ${metric}{${label}}`)
        if (known)
          t.same(
            values.filter((value) => !known.includes(value)),
            [],
            `${place}: ${label}`,
          )
      }
    }
    for (const label of groupedBy)
      t.ok(
        selectors.some(({ metric }) => series.get(metric)?.has(label)),
        `${place}: by ${label}`,
      )
  }
})

/** Metrics that are for looking up when something is wrong: neither an alert nor a panel needs them. */
const unused = [
  'nodejs_eventloop_delay_mean_seconds',
  'nodejs_eventloop_delay_p50_seconds',
  'nodejs_eventloop_delay_max_seconds',
]

t.test('each metric is on the dashboard or in an alert, or is known not to be', async (t) => {
  const used = new Set(
    expressions.flatMap(({ expr }) => findReferences(expr).selectors.map(({ metric }) => metric)),
  )
  const families = new Set([...series.keys()].map(toFamily))
  const usedFamilies = new Set([...used].map(toFamily))
  t.same(
    [...families].filter((name) => !usedFamilies.has(name)),
    unused,
  )
})

/** Returns the name of a series without the suffix of a histogram. */
function toFamily(name: string): string {
  return name.replace(/_(bucket|sum|count)$/, '')
}
