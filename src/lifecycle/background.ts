import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { tracedLater } from '../tracing/span.js'
import { createFairQueue } from './fair-queue.js'
import { reasonOf } from './reason.js'

/** Runs tasks after the response, so that the time of a response does not depend on what its task finds. */
interface Background {
  /**
   * Queues a task. A task that fails, or is dropped because the queue is full, is logged by its name.
   *
   * @param caller on whose behalf the task runs. Callers take turns. A full queue drops a task of the caller with the
   * most waiting tasks.
   */
  run(name: string, caller: string, task: () => Promise<unknown>): void
  /** Resolves when no task is running or waiting. */
  idle(): Promise<void>
}

interface Task {
  name: string
  task: () => Promise<unknown>
}

declare module 'fastify' {
  interface FastifyInstance {
    background: Background
  }
}

/** Bounds of the queue. */
export interface BackgroundLimits {
  /** Maximum number of tasks at once, by default 1: tasks keep their order, and leave database connections to requests. */
  maxRunning?: number
  /** Maximum number of waiting tasks, by default 1000. */
  maxWaiting?: number
  /** Time for waiting tasks to start when the service closes, by default 5000 (milliseconds). */
  closeMs?: number
}

/**
 * Registers `app.background`. Closing the service waits for running tasks, and drops those that cannot start in time. It
 * depends on `email`, which is therefore closed later: tasks that still run can send mail.
 */
export const background = plugin(registerBackground, {
  name: 'background',
  dependencies: ['email', 'metrics'],
})

async function registerBackground(
  app: FastifyInstance,
  { maxRunning = 1, maxWaiting = 1_000, closeMs = 5_000 }: BackgroundLimits,
): Promise<void> {
  const { metrics } = app
  const waiting = createFairQueue<Task>()
  const running = new Set<Promise<void>>()

  function dropOne(): void {
    const dropped = waiting.takeLastOfLongest()
    metrics.backgroundTasks.add({ outcome: 'dropped' })
    app.log.error(`${dropped?.name} was dropped because too many tasks are waiting`)
  }

  function startWaiting(): void {
    while (running.size < maxRunning) {
      const next = waiting.take()
      if (!next) return
      const run = execute(next).finally(() => {
        running.delete(run)
        startWaiting()
      })
      running.add(run)
    }
  }

  async function execute({ name, task }: Task): Promise<void> {
    await setImmediate()
    try {
      await task()
      metrics.backgroundTasks.add({ outcome: 'ok' })
    } catch (error) {
      metrics.backgroundTasks.add({ outcome: 'failed' })
      app.log.error({ reason: reasonOf(error as Error) }, `${name} failed`)
    }
  }

  async function idle(): Promise<void> {
    while (running.size > 0) await Promise.all(running)
  }

  metrics.backgroundWaiting.observe({}, waiting.size)
  app.decorate('background', {
    run(name, caller, task) {
      waiting.add(caller, { name, task: tracedLater(() => ({ name }), task) })
      startWaiting()
      if (waiting.size() > maxWaiting) dropOne()
    },
    idle,
  })

  app.addHook('onClose', async function finishTasks() {
    const timer = new AbortController()
    await Promise.race([idle(), delay(closeMs, undefined, { signal: timer.signal }).catch(() => {})])
    timer.abort()
    const dropped = waiting.size()
    waiting.clear()
    metrics.backgroundTasks.add({ outcome: 'dropped' }, dropped)
    if (dropped > 0) app.log.error({ dropped }, 'tasks were dropped because the service closes')
    await idle()
  })
}
