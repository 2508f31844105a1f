import { mock } from 'node:test'
import t from 'tap'
import { announceIfSlow } from '../../src/lifecycle/progress.js'

t.beforeEach(() => mock.timers.enable({ apis: ['setTimeout'] }))
t.afterEach(() => mock.timers.reset())

t.test('a step of more than a second is announced once', async (t) => {
  const announce = t.captureFn(() => {})
  let start = (_server: string) => {}
  const starting = new Promise<string>((resolve) => {
    start = resolve
  })
  const step = announceIfSlow(announce, starting)
  mock.timers.tick(999)
  t.equal(announce.calls.length, 0)
  mock.timers.tick(10_000)
  t.equal(announce.calls.length, 1)
  start('server')
  t.equal(await step, 'server')
})

t.test('a step that ends or fails within a second is not announced', async (t) => {
  const announce = t.captureFn(() => {})
  await announceIfSlow(announce, Promise.resolve())
  await t.rejects(announceIfSlow(announce, Promise.reject(new Error('failed'))), { message: 'failed' })
  mock.timers.tick(10_000)
  t.equal(announce.calls.length, 0)
})
