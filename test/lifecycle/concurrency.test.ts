import t from 'tap'
import { boundConcurrency } from '../../src/lifecycle/concurrency.js'

t.test('tasks run in order, at most so many at once, whether they fail or not', async (t) => {
  const run = boundConcurrency(2)
  const started: number[] = []
  let running = 0
  let most = 0
  async function task(i: number): Promise<number> {
    started.push(i)
    running += 1
    most = Math.max(most, running)
    await new Promise(setImmediate)
    running -= 1
    if (i % 3 === 0) throw new Error('failed')
    return i
  }
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map((i) => run(() => task(i))))
  t.match(results, [{ reason: Error }, { value: 1 }, { value: 2 }, { reason: Error }, { value: 4 }])
  t.strictSame(started, [0, 1, 2, 3, 4])
  t.equal(most, 2)
  t.equal(await run(async () => 'later'), 'later')
})
