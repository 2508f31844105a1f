import t from 'tap'
import { drawPeers, drawRates, drawResponseTimes, drawSideBySide } from '#bench/page/charts.js'
import { writePage } from '#bench/page/text.js'

const quiet = { others: 0, steal: 0, idle: 1, queue: 0 }
const scenario = (rate: number) => ({
  title: '',
  rate,
  rates: [rate, rate],
  cpu: 1e6 / rate,
  p50: 1,
  p99: 10,
})
const report = {
  date: '2026-01-02T03:04:05.000Z',
  commit: 'abcdef0',
  machine: { cpu: 'Some CPU', cores: 2 },
  load: { before: quiet, during: quiet },
  seconds: 3,
  rounds: 2,
  processes: 2,
  scenarios: {
    me: scenario(20_000),
    'latchkey-me': scenario(30_000),
    'fastapi-me': scenario(7_500),
    'latchkey-introspect': scenario(9_000),
    'oidc-introspect': scenario(3_000),
  },
  facts: { 'start until ready, ms': 412.3 },
  goals: [{ what: '/users/me/ against FastAPI', goal: '≥ 3', measured: '4.00', met: true as const }],
}

t.test('the plot of the peers has a ratio for each of them, and is a file of its own', async (t) => {
  const svg = drawPeers(report)
  t.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/)
  t.match(svg, 'aria-label="Requests per second of Latchkey as a multiple of its peers"')
  for (const text of [
    'against FastAPI',
    '4.0×',
    'the median of the rounds’ ratios, rates are medians',
    '30,000 : 7,500',
    'introspection',
    '3.0×',
    '2026-01-02, 2 cores of Some CPU, quiet',
  ])
    t.match(svg, text)
})

t.test('a figure of Latchkey stands beside those of its peers', async (t) => {
  const svg = drawSideBySide(report, 'cpu', 'CPU time per request, µs')
  for (const text of ['GET /users/me/: Latchkey', 'GET /users/me/: FastAPI', '>33<', '>133<'])
    t.match(svg, text)
})

t.test('the other plots show the scenarios of Latchkey alone', async (t) => {
  for (const svg of [drawRates(report), drawResponseTimes(report)]) {
    t.match(svg, '>me<')
    t.notMatch(svg, 'fastapi')
  }
})

t.test('the page names the machine, its load and the goals', async (t) => {
  const page = writePage(report, 'run.json')
  t.match(page, 'cpu: Some CPU; cores: 2')
  t.match(page, 'The machine was quiet.')
  t.match(page, '| /users/me/ against FastAPI | ≥ 3 | 4.00 | yes |')
  t.match(page, '| `fastapi-me` | 7,500 | 133 |  | 1 | 10 |  |')
  t.match(page, '| start until ready, ms | 412 |')
})

t.test('the page names the command of its run', async (t) => {
  const command = 'npm run bench -- --page --rounds 2 --seconds 3 --processes 2'
  t.match(writePage(report, 'run.json'), `\`${command}\``)
  t.match(writePage({ ...report, only: ['me', 'login'] }, 'run.json'), `\`${command} --only me,login\``)
})

t.test('the page counts the logins that were refused during reads', async (t) => {
  t.notMatch(writePage(report, 'run.json'), 'Logins refused')
  const scenarios = { 'me-during-16': { ...scenario(10_000), refused: 2 } }
  t.match(
    writePage({ ...report, scenarios }, 'run.json'),
    'Logins refused by 503 during reads: 2 during `me-during-16`.',
  )
})

t.test('the page of a run on a busy machine says so first', async (t) => {
  const load = { before: { ...quiet, others: 0.5 }, during: quiet }
  t.match(writePage({ ...report, load }, 'run.json'), '**The machine was not quiet: others used 50%')
})
