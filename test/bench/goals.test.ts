import t from 'tap'
import { evaluateGoals, growth } from '#bench/lib/goals.js'

const noScenarios = {} as Parameters<typeof evaluateGoals>[1]

t.test('a goal is judged by the ratio of two scenarios of the same run', async (t) => {
  const scenario = (rate: number) => ({ title: '', rounds: [{ rate, unexpected: 0 }] })
  const results = new Map([
    ['latchkey-me', scenario(310)],
    ['fastapi-me', scenario(100)],
    ['latchkey-items', scenario(290)],
    ['fastapi-items', scenario(100)],
  ])
  t.match(evaluateGoals(results, noScenarios, { facts: {} }), [
    { what: '/users/me/ against FastAPI', measured: '3.10', met: true },
    { what: '/users/me/items/ against FastAPI', measured: '2.90', met: false },
  ])
})

t.test('a busy machine leaves ratios and sizes judged, and times not', async (t) => {
  const scenario = (rate: number) => ({ title: '', rounds: [{ rate, unexpected: 0 }] })
  const results = new Map([
    ['me', scenario(80)],
    ['base-verified', scenario(100)],
  ])
  const facts = { 'start until ready, ms': 400, 'memory at rest, MB': 80 }
  const busy = 'others used 40% of the machine (during)'
  t.match(evaluateGoals(results, noScenarios, { facts }, busy), [
    { what: '/users/me/, one token, against @fastify/jwt with cache', met: true },
    { what: 'start until ready, ms', met: 'not judged', because: busy },
    { what: 'memory at rest, MB', met: true },
  ])
  t.match(evaluateGoals(new Map(), noScenarios, { facts }), [{ met: true }, { met: true }])
})

t.test('a goal whose measurement was disturbed is not judged, and says why', async (t) => {
  const facts = { [growth]: 1.9 }
  t.match(evaluateGoals(new Map(), noScenarios, { facts }), [{ what: growth, met: true }])
  const disturbed = { [growth]: 'others used 40% of the machine (during)' }
  t.match(evaluateGoals(new Map(), noScenarios, { facts, disturbed }), [
    { what: growth, measured: '1.90', met: 'not judged', because: disturbed[growth] },
  ])
})
