import { setTimeout as delay } from 'node:timers/promises'
import fastify from 'fastify'
import t from 'tap'
import { createMetrics, exposeMetrics, metricsPlugin } from '../../src/metrics/index.js'
import { countOpenFiles, processMetrics, readMaxFiles } from '../../src/metrics/process.js'
import { stopMonotonicClock } from '../helpers/clock.js'
import { readSamples } from '../helpers/metrics.js'
import { until } from '../helpers/wait.js'

/** Time in which the event loop is measured more than once. The first measurement after a scrape has nothing to compare with. */
const ticksMs = 50

t.test('process, heap and event loop are measured', async (t) => {
  const app = fastify()
  const metrics = createMetrics()
  await app.register(metricsPlugin, { metrics })
  await app.register(processMetrics, { version: '1.2.3' })
  const read = () => readSamples(exposeMetrics(metrics, 'text'))
  const clock = stopMonotonicClock(t)
  const first = read()
  t.equal(first.get(`latchkey_build_info{version="1.2.3",node_version="${process.versions.node}"}`), 1)
  for (const name of [
    'process_cpu_seconds_total',
    'process_start_time_seconds',
    'process_resident_memory_bytes',
    'v8js_memory_heap_used_bytes',
    'v8js_memory_heap_limit_bytes',
    'nodejs_eventloop_time_seconds_total{nodejs_eventloop_state="active"}',
  ])
    t.ok(Number(first.get(name)) > 0, name)
  t.ok(Math.abs(Number(first.get('process_start_time_seconds')) - Date.now() / 1_000 + process.uptime()) < 5)
  // The thread is blocked for a moment, which the next window shows: until then, every scrape sees the same one.
  const max = 'nodejs_eventloop_delay_max_seconds'
  await until(async () => {
    await delay(ticksMs)
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50)
    await delay(ticksMs)
    clock.advance(1_000)
    return Number(read().get(max)) > 0.02
  })
  const seen = read().get(max)
  clock.advance(999)
  t.equal(read().get(max), seen)
  await app.close()
})

t.test('file descriptors are counted where the system tells of them', async (t) => {
  const limits = 'Max cpu time   unlimited   unlimited   seconds\nMax open files   1024   4096   files\n'
  const folder = t.testdir({ fd: { 0: '', 1: '' }, limits })
  t.equal(countOpenFiles(folder), 2)
  t.equal(readMaxFiles(folder), 1024)
  t.equal(readMaxFiles(t.testdir({ limits: limits.replace('1024', 'unlimited') })), undefined)
  t.equal(countOpenFiles('/nowhere'), undefined)
  t.equal(readMaxFiles('/nowhere'), undefined)
})
