import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createBulkhead } from '../../src/passwords/bulkhead.js'

/** Creates tasks that the test ends. */
function openWork() {
  const ends: (() => void)[] = []
  const started: number[] = []
  const work = (name: number) => () => {
    started.push(name)
    return new Promise<number>((resolve) => ends.push(() => resolve(name)))
  }
  return { ends, started, work }
}

t.test('tasks run up to the concurrency, wait in order, and are refused beyond the queue', async (t) => {
  const { run, requireCapacity } = createBulkhead({ concurrency: 2, maxWaiting: 2, deadlineMs: 60_000 })
  const { ends, started, work } = openWork()
  const done = [1, 2, 3, 4].map((name) => run(work(name)))
  t.same(started, [1, 2])
  t.throws(requireCapacity, { code: 'service_unavailable' })
  await t.rejects(run(work(5)), { code: 'service_unavailable' })
  ends[0]?.()
  t.equal(await done[0], 1)
  await delay(0)
  t.same(started, [1, 2, 3])
  t.doesNotThrow(requireCapacity)
  ends[1]?.()
  await done[1]
  await delay(0)
  t.same(started, [1, 2, 3, 4])
  for (const end of ends) end()
  t.same(await Promise.all(done), [1, 2, 3, 4])
})

t.test('a task that waits too long is refused and leaves the queue', async (t) => {
  const { run } = createBulkhead({ concurrency: 1, maxWaiting: 2, deadlineMs: 20 })
  const { ends, started, work } = openWork()
  const first = run(work(1))
  await t.rejects(run(work(2)), { code: 'service_unavailable' })
  ends[0]?.()
  await first
  const third = run(work(3))
  ends[1]?.()
  t.equal(await third, 3)
  t.same(started, [1, 3])
})

t.test('a task that fails releases its place', async (t) => {
  const { run } = createBulkhead({ concurrency: 1, maxWaiting: 1, deadlineMs: 60_000 })
  const failing = run(async () => {
    throw new Error('boom')
  })
  const next = run(async () => 'done')
  await t.rejects(failing, { message: 'boom' })
  t.equal(await next, 'done')
})
