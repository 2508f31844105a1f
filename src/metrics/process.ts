import { readdirSync, readFileSync } from 'node:fs'
import { type IntervalHistogram, monitorEventLoopDelay, performance } from 'node:perf_hooks'
import { getHeapStatistics } from 'node:v8'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type { Metrics } from './index.js'

/** Folder in which Linux describes this process. */
const processFolder = '/proc/self'

/** Interval at which the delay of the event loop is measured (milliseconds). */
const resolutionMs = 20
/** Minimum time between two scrapes for which delays are counted anew (milliseconds). */
const windowMs = 1_000

/** Observes process, JavaScript heap and event loop, until the service is closed. */
export const processMetrics = plugin(observeProcess, { name: 'process-metrics', dependencies: ['metrics'] })

async function observeProcess(app: FastifyInstance, { version }: { version: string }): Promise<void> {
  const { metrics } = app
  metrics.build.add({ version, node_version: process.versions.node })
  metrics.startTime.observe({}, () => performance.timeOrigin / 1_000)
  metrics.cpu.observe({}, readCpuSeconds)
  metrics.residentMemory.observe({}, () => process.memoryUsage.rss())
  metrics.openFiles.observe({}, () => countOpenFiles())
  metrics.maxFiles.observe({}, () => readMaxFiles())
  metrics.heapUsed.observe({}, () => getHeapStatistics().used_heap_size)
  metrics.heapLimit.observe({}, () => getHeapStatistics().heap_size_limit)
  for (const state of ['active', 'idle'] as const)
    metrics.eventLoopTime.observe(
      { nodejs_eventloop_state: state },
      () => performance.eventLoopUtilization()[state] / 1_000,
    )
  const stop = observeDelay(metrics)
  app.addHook('onClose', async () => stop())
}

/** Observes the delay of the event loop. @returns a function that ends the measurement */
function observeDelay(metrics: Metrics): () => void {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs })
  delays.enable()
  let last = { endedAt: Number.NEGATIVE_INFINITY, ...summarize(delays) }

  /** Returns the summary of the last window, which ends with this call if it is long enough. */
  function current() {
    const now = performance.now()
    if (now - last.endedAt < windowMs) return last
    last = { endedAt: now, ...summarize(delays) }
    delays.reset()
    return last
  }

  metrics.eventLoopMean.observe({}, () => current().mean)
  metrics.eventLoopP50.observe({}, () => current().p50)
  metrics.eventLoopP99.observe({}, () => current().p99)
  metrics.eventLoopMax.observe({}, () => current().max)
  return () => delays.disable()
}

/** Returns the delays beyond the interval of the timer that measures them (seconds). Without a measurement, there was no delay. */
function summarize(delays: IntervalHistogram) {
  const toSeconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1_000)
  if (delays.count === 0) return { mean: 0, p50: 0, p99: 0, max: 0 }
  return {
    mean: toSeconds(delays.mean),
    p50: toSeconds(delays.percentile(50)),
    p99: toSeconds(delays.percentile(99)),
    max: toSeconds(delays.max),
  }
}

function readCpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/**
 * Returns the number of open file descriptors; undefined where it is unknown.
 *
 * @param folder folder in which Linux describes the process
 */
export function countOpenFiles(folder = processFolder): number | undefined {
  return onLinux(() => readdirSync(`${folder}/fd`).length)
}

/**
 * Returns the soft limit of open file descriptors; undefined if it is `unlimited` or unknown.
 *
 * @param folder folder in which Linux describes the process
 */
export function readMaxFiles(folder = processFolder): number | undefined {
  const [, limit] =
    onLinux(() => /^Max open files\s+(\d+)/m.exec(readFileSync(`${folder}/limits`, 'utf8'))) ?? []
  return limit === undefined ? undefined : Number(limit)
}

/** Returns what is read in `/proc`; undefined where that file system is missing, or no file descriptor is left. */
function onLinux<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
