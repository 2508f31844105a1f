import { Unavailable } from '../errors.js'
import { traced } from '../tracing/span.js'

/** Limits of a bulkhead. */
export interface BulkheadLimits {
  /** Maximum number of tasks that run at once. */
  concurrency: number
  /** Maximum number of tasks that wait. */
  maxWaiting: number
  /** Maximum time that a task waits (milliseconds). */
  deadlineMs: number
  /** Receives the reason for which a task is refused: the queue is full, or the task has waited too long. */
  onRefusal?: (reason: 'queue_full' | 'wait') => void
}

/** Limits how many tasks run at once and how many wait for them. */
export interface Bulkhead {
  /** @throws ServiceError `service_unavailable` when the queue is full */
  requireCapacity(): void
  /** Runs a task when its turn comes. @throws ServiceError `service_unavailable` when it is refused or waits too long */
  run<T>(task: () => Promise<T>): Promise<T>
  /** Returns how many tasks run now. */
  running(): number
  /** Returns how many tasks wait now. */
  waiting(): number
}

/** Creates a bulkhead for tasks that keep a processor busy, so that a flood of them leaves the service responsive. */
export function createBulkhead({ concurrency, maxWaiting, deadlineMs, onRefusal }: BulkheadLimits): Bulkhead {
  const waiting = new Set<() => void>()
  let running = 0

  function requireCapacity(): void {
    if (running < concurrency || waiting.size < maxWaiting) return
    onRefusal?.('queue_full')
    throw new Unavailable('hashing_queue_full')
  }

  function waitForTurn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(expire, deadlineMs)
      function start(): void {
        clearTimeout(timer)
        waiting.delete(start)
        resolve()
      }
      function expire(): void {
        waiting.delete(start)
        onRefusal?.('wait')
        reject(new Unavailable('hashing_wait'))
      }
      waiting.add(start)
    })
  }

  /** Hands the place of a finished task to the first task that waits. */
  function release(): void {
    const [startNext] = waiting
    if (startNext) startNext()
    else running -= 1
  }

  return {
    running: () => running,
    waiting: () => waiting.size,
    requireCapacity,
    async run(task) {
      requireCapacity()
      if (running >= concurrency) await traced(() => ({ name: 'wait for hashing' }), waitForTurn)
      else running += 1
      try {
        return await task()
      } finally {
        release()
      }
    },
  }
}
