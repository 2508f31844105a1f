import { setTimeout as delay, setImmediate } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** Runs tasks behind answers, so that how long an answer takes tells nothing of what its task finds. */
interface Background {
  /** Queues a task. One that fails is logged by its name, as is one that finds the queue full. */
  run(name: string, task: () => Promise<unknown>): void
  /** Resolves when no task is running or waiting. */
  idle(): Promise<void>
}

declare module 'fastify' {
  interface FastifyInstance {
    background: Background
  }
}

/** Bounds of the queue. */
export interface BackgroundLimits {
  /** Maximum number of tasks at once. With one they keep their order, and the connections are left to requests. */
  maxRunning: number
  /** Maximum number of tasks that wait; further ones are dropped. */
  maxWaiting: number
  /** Time that waiting tasks have to start once the service closes, in milliseconds. */
  closeMs: number
}

const defaults: BackgroundLimits = { maxRunning: 1, maxWaiting: 1_000, closeMs: 5_000 }

/** Registers `app.background`. Closing the service waits for the tasks, and drops those that cannot start in time. */
export function registerBackground(
  app: FastifyInstance,
  { maxRunning, maxWaiting, closeMs }: BackgroundLimits = defaults,
): void {
  const waiting: (() => Promise<void>)[] = []
  const running = new Set<Promise<void>>()

  function startWaiting(): void {
    while (running.size < maxRunning) {
      const next = waiting.shift()
      if (!next) return
      const run = next().finally(() => {
        running.delete(run)
        startWaiting()
      })
      running.add(run)
    }
  }

  async function idle(): Promise<void> {
    while (running.size > 0) await Promise.all(running)
  }

  app.decorate('background', {
    run(name, task) {
      if (waiting.length >= maxWaiting)
        return app.log.error(`${name} was dropped, too many tasks are waiting`)
      waiting.push(async function execute() {
        await setImmediate()
        await task().catch((error: Error) => app.log.error({ reason: error.message }, `${name} failed`))
      })
      startWaiting()
    },
    idle,
  })

  app.addHook('onClose', async function finishTasks() {
    const timer = new AbortController()
    await Promise.race([idle(), delay(closeMs, undefined, { signal: timer.signal }).catch(() => {})])
    timer.abort()
    const dropped = waiting.splice(0).length
    if (dropped > 0) app.log.error({ dropped }, 'tasks were dropped, the service closes')
    await idle()
  })
}
