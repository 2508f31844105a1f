import { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import fastify from 'fastify'
import t from 'tap'
import { runPeriodically } from '../../src/lifecycle/periodic.js'
import { createMetrics } from '../../src/metrics/index.js'
import { until } from '../helpers/wait.js'

t.test('a task runs periodically, even after a failure, until the service closes', async (t) => {
  const lines: string[] = []
  const stream = new Writable({
    write(line, _encoding, done) {
      lines.push(String(line))
      done()
    },
  })
  const app = fastify({ logger: { level: 'warn', stream } })
  app.decorate('metrics', createMetrics())
  let runs = 0
  runPeriodically(app, 'claiming names', 1, async function count() {
    runs += 1
    if (runs === 2) throw new Error('no luck')
  })
  await app.ready()
  await until(() => runs >= 5)
  await app.close()
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), { msg: 'claiming names failed', reason: 'no luck' })
})

t.test('closing waits for a run in progress', async (t) => {
  const app = fastify()
  app.decorate('metrics', createMetrics())
  let finish = () => {}
  let finished = false
  const started = new Promise<void>((resolve) => {
    runPeriodically(app, 'claiming names', 1, async function dawdle() {
      const ending = new Promise<void>((end) => {
        finish = end
      })
      resolve()
      await ending
      finished = true
    })
  })
  await app.ready()
  await started
  const closing = app.close()
  setImmediate(finish)
  await closing
  t.equal(finished, true)
})

t.test('no task begins a run while closing waits for another', async (t) => {
  const app = fastify()
  app.decorate('metrics', createMetrics())
  let runs = 0
  runPeriodically(app, 'claiming names', 1, async () => {
    runs += 1
  })
  let finish = () => {}
  runPeriodically(
    app,
    'ending tokens',
    3_600_000,
    () =>
      new Promise<void>((end) => {
        finish = end
      }),
  )
  await app.ready()
  const closing = app.close()
  await delay(10)
  const before = runs
  await delay(30)
  finish()
  await closing
  t.equal(runs, before)
})

/** Starts a task that runs rarely. Each run begins at once, and ends when the test lets it. */
async function startRarely() {
  const app = fastify()
  app.decorate('metrics', createMetrics())
  const endings: (() => void)[] = []
  const wake = runPeriodically(
    app,
    'claiming names',
    3_600_000,
    () => new Promise<void>((end) => endings.push(end)),
  )
  await app.ready()
  return {
    ...{ app, endings, wake },
    /** Ends a run, and resolves when a run that is due has begun. */
    async end(run: number): Promise<void> {
      endings[run]?.()
      await delay(10)
    },
  }
}

t.test('a task that is woken runs at once', async (t) => {
  const { app, endings, wake, end } = await startRarely()
  await end(0)
  t.equal(endings.length, 1)
  wake()
  wake()
  await delay(10)
  t.equal(endings.length, 2, 'once')
  await end(1)
  t.equal(endings.length, 2)
  await app.close()
})

t.test('a task that is woken during a run runs again after it, once', async (t) => {
  const { app, endings, wake, end } = await startRarely()
  wake()
  wake()
  t.equal(endings.length, 1)
  await end(0)
  t.equal(endings.length, 2)
  await end(1)
  t.equal(endings.length, 2)
  await app.close()
})

t.test('waking before the first run or after the end has no effect', async (t) => {
  const app = fastify()
  app.decorate('metrics', createMetrics())
  let runs = 0
  const wake = runPeriodically(app, 'claiming names', 3_600_000, async () => {
    runs += 1
  })
  wake()
  await app.ready()
  await app.close()
  wake()
  await delay(10)
  t.equal(runs, 1)
})
