import t from 'tap'
import { countsPerCall } from '#bench/quick/instructions.js'
import { toRatios } from '#bench/quick/ratios.js'

/** Returns the results of a scenario whose rounds had these rates and CPU times. */
function scenario(rounds: [rate: number, cpu: number][]) {
  return { title: '', rounds: rounds.map(([rate, cpu]) => ({ rate, cpu, unexpected: 0 })) }
}

t.test('a ratio is the median of the ratios of each round', async (t) => {
  const results = new Map([
    [
      'me',
      scenario([
        [100, 30],
        [300, 10],
        [150, 20],
      ]),
    ],
    [
      'base-verified',
      scenario([
        [100, 10],
        [100, 10],
        [100, 10],
      ]),
    ],
  ])
  t.same(toRatios(results), { me: { rate: 1.5, cpu: 2, cpuMicroseconds: 20 } })
})

t.test('a scenario without its baseline has no ratio', async (t) => {
  t.same(toRatios(new Map([['me', scenario([[100, 30]])]])), {})
})

t.test(
  'the instructions of one call are those of n calls less than of 2 n calls, divided by n',
  async (t) => {
    t.same(countsPerCall(['one', 'other'], [999, 1_000, 1_500, 999, 3_000, 4_000], 10), {
      one: 50,
      other: 100,
    })
  },
)
