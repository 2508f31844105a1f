import t from 'tap'
import { pathOfResults } from '#bench/lib/report.js'

const run = { date: new Date('2026-01-02T03:04:05.678Z'), commit: 'abcdef0' }
const trial = { ...run, only: ['me'] }

t.test('the results of a whole run and of a published one are for bench/results', async (t) => {
  for (const path of [pathOfResults(run, false), pathOfResults(trial, true)])
    t.match(path, /\/bench\/results\/2026-01-02-abcdef0\.json$/)
})

t.test('the results of a trial go where git does not look, each to a file of its own', async (t) => {
  const path = pathOfResults(trial, false)
  t.match(path, /\/node_modules\/\.cache\/latchkey\/results\/2026-01-02T03-04-05-678Z-abcdef0\.json$/)
})
