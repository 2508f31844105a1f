import { ServiceError } from '../errors.js'

/** How much work is let in at once, how much may wait, and for how long. */
export interface BulkheadLimits {
  concurrency: number
  maxWaiting: number
  deadlineMs: number
}

/** Lets work in: so much at once, so much more after it, and none beyond that. */
export interface Bulkhead {
  /** @throws ServiceError `service_unavailable` when even the queue is full */
  requireCapacity(): void
  /** Does the work when its turn has come. @throws ServiceError `service_unavailable` when that takes too long */
  run<T>(work: () => Promise<T>): Promise<T>
}

/** Makes the door of work that keeps a processor busy, so that a flood of it leaves the rest of the service alone. */
export function createBulkhead({ concurrency, maxWaiting, deadlineMs }: BulkheadLimits): Bulkhead {
  const waiting = new Set<() => void>()
  let running = 0

  function requireCapacity(): void {
    if (running >= concurrency && waiting.size >= maxWaiting) throw new ServiceError('service_unavailable')
  }

  /** Whoever leaves gives the place to the first who waits. */
  function waitForTurn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(giveUp, deadlineMs)
      function start(): void {
        clearTimeout(timer)
        waiting.delete(start)
        resolve()
      }
      function giveUp(): void {
        waiting.delete(start)
        reject(new ServiceError('service_unavailable'))
      }
      waiting.add(start)
    })
  }

  return {
    requireCapacity,
    async run(work) {
      requireCapacity()
      if (running >= concurrency) await waitForTurn()
      else running += 1
      try {
        return await work()
      } finally {
        const [next] = waiting
        if (next) next()
        else running -= 1
      }
    },
  }
}
