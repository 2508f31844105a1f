import t from 'tap'
import { type Action, explore } from './explorer.js'

interface Counters {
  left: number
  right: number
}

/** Two counters that count to two each, in any order. */
const actions: Action<Counters>[] = (['left', 'right'] as const).map((side) => ({
  name: `counts ${side}`,
  isEnabled: (state) => state[side] < 2,
  run(draft) {
    draft[side] += 1
  },
}))
const model = { initial: { left: 0, right: 0 }, actions, invariants: {} }

t.test('every state is visited once', async (t) => {
  t.same(explore(model, 9), { states: 9, violated: null, trace: [] })
})

t.test('a violation is reported with the shortest trace', async (t) => {
  const invariants = { 'the sum is below three': ({ left, right }: Counters) => left + right < 3 }
  t.match(explore({ ...model, invariants }, 9), {
    violated: 'the sum is below three',
    trace: ['1. counts left', '2. counts left', '3. counts right'],
  })
})

t.test('a goal that cannot be reached any more is reported with the way into the dead end', async (t) => {
  const goals = { 'left is behind': ({ left, right }: Counters) => left < right }
  t.match(explore({ ...model, goals }, 9), {
    violated: 'left is behind',
    trace: ['1. counts left', '2. counts left'],
  })
  t.equal(
    explore({ ...model, goals: { 'both are at two': ({ left, right }) => left + right === 4 } }, 9).violated,
    null,
  )
})

t.test('a search that would be incomplete fails', async (t) => {
  t.throws(() => explore(model, 8), { message: 'the model has more than 8 states' })
})
