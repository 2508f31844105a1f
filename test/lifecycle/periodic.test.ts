import { Writable } from 'node:stream'
import fastify from 'fastify'
import t from 'tap'
import { runPeriodically } from '../../src/lifecycle/periodic.js'
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
  let runs = 0
  runPeriodically(app, 'counting', 1, async function count() {
    runs += 1
    if (runs === 2) throw new Error('no luck')
  })
  await app.ready()
  await until(() => runs >= 5)
  await app.close()
  t.equal(lines.length, 1)
  t.match(JSON.parse(lines[0] ?? ''), { msg: 'counting failed', reason: 'no luck' })
})

t.test('closing waits for a run in progress', async (t) => {
  const app = fastify()
  let finish = () => {}
  let finished = false
  const started = new Promise<void>((resolve) => {
    runPeriodically(app, 'dawdling', 1, async function dawdle() {
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
