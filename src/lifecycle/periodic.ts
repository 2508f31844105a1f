import type { FastifyInstance } from 'fastify'
import type { PeriodicTask } from '../metrics/catalogue/work.js'
import type { Metrics } from '../metrics/index.js'
import { detached } from '../tracing/span.js'
import { reasonOf } from './reason.js'

/**
 * Runs a task when the service is ready, and again `intervalMs` after each run has ended. Runs are counted, and one that fails is
 * logged. Closing the service ends the repetition, and waits for a run that is under way.
 *
 * @param task a run whose result is `false` has not done its work
 * @returns a function that runs the task at once or, during a run, again after it
 */
export function runPeriodically(
  app: FastifyInstance,
  name: PeriodicTask,
  intervalMs: number,
  task: () => Promise<unknown>,
): () => void {
  return keepRunning(app, name, intervalMs, task, observeTask(name, app.metrics))
}

/**
 * Runs a task as `runPeriodically` does, for one whose runs last as long as they can, such as a connection.
 *
 * @param noteRun receives whether each run has done its work
 */
export function keepRunning(
  app: FastifyInstance,
  name: string,
  intervalMs: number,
  task: () => Promise<unknown>,
  noteRun: (isDone: boolean) => void = () => {},
): () => void {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let isRunning = false
  let isWoken = false
  let closing = false

  async function run(): Promise<void> {
    isRunning = true
    isWoken = false
    noteRun(await succeeds())
    isRunning = false
    if (!closing) timer = setTimeout(start, isWoken ? 0 : intervalMs).unref()
  }

  async function succeeds(): Promise<boolean> {
    try {
      return (await task()) !== false
    } catch (error) {
      app.log.warn({ reason: reasonOf(error as Error) }, `${name} failed`)
      return false
    }
  }

  function start(): void {
    // A request that wakes the task does not wait for it.
    running = detached(run)
  }

  function wake(): void {
    isWoken = true
    if (closing || isRunning || !timer) return
    clearTimeout(timer)
    timer = setTimeout(start, 0).unref()
  }

  app.addHook('onReady', async () => start())
  // Hooks on close run one after another. A task that began a run while others are awaited would have to be awaited in addition.
  app.addHook('preClose', async function startNoRun() {
    closing = true
    clearTimeout(timer)
  })
  app.addHook('onClose', async function awaitRun() {
    await running
  })
  return wake
}

/** Returns a function that counts a run. */
function observeTask(task: PeriodicTask, metrics: Metrics): (isDone: boolean) => void {
  let lastSuccess = Date.now()
  metrics.taskSuccess.observe({ task }, () => lastSuccess / 1_000)
  return function noteRun(isDone) {
    metrics.taskRuns.add({ task, outcome: isDone ? 'ok' : 'failed' })
    if (isDone) lastSuccess = Date.now()
  }
}
