import { ServiceError } from '../errors.js'

/** Limits of a bulkhead. */
export interface BulkheadLimits {
  /** Maximum number of tasks that run at once. */
  concurrency: number
  /** Maximum number of tasks that wait. */
  maxWaiting: number
  /** Maximum time that a task waits (milliseconds). */
  deadlineMs: number
}

/** Limits how many tasks run at once and how many wait for them. */
export interface Bulkhead {
  /** @throws ServiceError `service_unavailable` when the queue is full */
  requireCapacity(): void
  /** Runs a task when its turn comes. @throws ServiceError `service_unavailable` when it is refused or waits too long */
  run<T>(task: () => Promise<T>): Promise<T>
}

/** Creates a bulkhead for tasks that keep a processor busy, so that a flood of them leaves the service responsive. */
export function createBulkhead({ concurrency, maxWaiting, deadlineMs }: BulkheadLimits): Bulkhead {
  const waiting = new Set<() => void>()
  let running = 0

  function requireCapacity(): void {
    if (running >= concurrency && waiting.size >= maxWaiting) throw new ServiceError('service_unavailable')
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
        reject(new ServiceError('service_unavailable'))
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
    requireCapacity,
    async run(task) {
      requireCapacity()
      if (running >= concurrency) await waitForTurn()
      else running += 1
      try {
        return await task()
      } finally {
        release()
      }
    },
  }
}
