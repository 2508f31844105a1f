import fastify from 'fastify'
import plugin from 'fastify-plugin'
import t from 'tap'
import { type BackgroundLimits, background } from '../../src/lifecycle/background.js'
import { createMetrics, metricsPlugin } from '../../src/metrics/index.js'
import { until } from '../helpers/wait.js'

/** Starts a service with nothing but the queue, and collects its log. */
async function start(limits: BackgroundLimits) {
  const logged: string[] = []
  const write = (line: string) => {
    const { reason, dropped, msg } = JSON.parse(line) as Record<string, string | number>
    logged.push([reason ?? dropped, msg].filter((part) => part !== undefined).join(': '))
  }
  const app = fastify({ logger: { level: 'error', stream: { write } } })
  await app.register(metricsPlugin, { metrics: createMetrics() })
  await app.register(plugin(async () => {}, { name: 'email' }))
  await app.register(background, limits)
  await app.ready()
  return { app, logged }
}

/** Returns a task that ends when `open` is called. */
function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open, task: () => opened }
}

t.test(
  'the numbers of running and waiting tasks are limited, and further tasks dropped and logged',
  async (t) => {
    const { app, logged } = await start({ maxRunning: 2, maxWaiting: 3, closeMs: 60_000 })
    const { open, task } = gate()
    let running = 0
    let most = 0
    let done = 0
    for (let i = 0; i < 7; i++)
      app.background.run('a task', 'a caller', async () => {
        most = Math.max(most, ++running)
        await task()
        running--
        done++
      })
    t.equal(running, 0, 'no task starts before the caller continues')
    t.same(logged, Array(2).fill('a task was dropped because too many tasks are waiting'))
    await until(() => running === 2)
    open()
    await app.background.idle()
    t.same([most, done], [2, 5])
    await app.background.idle()
    await app.close()
  },
)

t.test('a failing task is logged, and the next one runs', async (t) => {
  const { app, logged } = await start({ maxRunning: 1, maxWaiting: 10, closeMs: 60_000 })
  let ran = false
  app.background.run('one', 'a caller', async () => {
    throw new Error('no such luck')
  })
  app.background.run('other', 'a caller', async () => {
    ran = true
  })
  await app.background.idle()
  t.same(logged, ['no such luck: one failed'])
  t.ok(ran)
  await app.close()
})

t.test('closing waits for the tasks', async (t) => {
  const { app, logged } = await start({ maxRunning: 1, maxWaiting: 10, closeMs: 60_000 })
  let done = 0
  for (let i = 0; i < 3; i++)
    app.background.run('a task', 'a caller', async () => {
      done++
    })
  await app.close()
  t.equal(done, 3)
  t.same(logged, [])
})

t.test('closing drops tasks that cannot start in time, and waits for running ones', async (t) => {
  const { app, logged } = await start({ maxRunning: 1, maxWaiting: 10, closeMs: 0 })
  const { open, task } = gate()
  let done = 0
  for (let i = 0; i < 3; i++)
    app.background.run('a task', 'a caller', async () => {
      await task()
      done++
    })
  const closing = app.close()
  await until(() => logged.length > 0)
  open()
  await closing
  t.equal(done, 1)
  t.same(logged, ['2: tasks were dropped because the service closes'])
})

t.test('callers take turns, and a full queue drops tasks of the caller with the most', async (t) => {
  const { app, logged } = await start({ maxRunning: 1, maxWaiting: 6, closeMs: 60_000 })
  const { open, task } = gate()
  const done: string[] = []
  const run = (caller: string, i: number) =>
    app.background.run(`${caller}${i}`, caller, async () => {
      await task()
      done.push(`${caller}${i}`)
    })
  for (let i = 0; i < 100; i++) run('flood', i)
  for (const caller of ['one', 'other', 'third']) run(caller, 0)
  run('one', 1)
  open()
  await app.background.idle()
  t.same(done, ['flood0', 'flood1', 'one0', 'other0', 'third0', 'flood2', 'one1'])
  t.equal(logged.length, 97)
  await app.close()
})

t.test('when each caller has one waiting task, the last one is dropped', async (t) => {
  const { app, logged } = await start({ maxRunning: 0, maxWaiting: 2, closeMs: 0 })
  for (const caller of ['one', 'other', 'third']) app.background.run(caller, caller, async () => {})
  t.equal(logged.length, 1)
  await app.close()
})
