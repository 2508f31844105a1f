import type { Clock } from './clock.js'
import { isWorkers } from './workers.js'

/** Runs a task while no other one with the same lock runs. */
export type Lock = <T>(task: () => Promise<T>) => Promise<T>

/** The part of the Web Locks API that is used. */
export interface WebLocks {
  request<T>(name: string, options: { signal: AbortSignal }, task: () => Promise<T>): Promise<T>
}

/** Time to wait for a lock that a frozen tab can hold (milliseconds). */
const maxWaitMs = 10_000

/** Returns the locks that the tabs of a page share; null elsewhere, as the processes of a server share none. */
export function findWebLocks(): WebLocks | null {
  const { location, navigator } = globalThis as { location?: unknown; navigator?: { locks?: WebLocks } }
  return location ? (navigator?.locks ?? null) : null
}

/** Creates a lock: among tabs with Web Locks, among the calls of this process without. */
export function createLock(name: string, webLocks: WebLocks | null, clock: Clock): Lock {
  // On Workers a call must not wait for another request.
  if (isWorkers()) return (task) => task()
  return webLocks ? createWebLock(name, webLocks, clock) : createLocalLock()
}

/** After too long a wait the task runs all the same: the server's grace period for refresh tokens decides then. */
function createWebLock(name: string, webLocks: WebLocks, clock: Clock): Lock {
  return async (task) => {
    let hasBegun = false
    function begin(): ReturnType<typeof task> {
      hasBegun = true
      return task()
    }
    try {
      return await webLocks.request(name, { signal: clock.timeout(maxWaitMs) }, begin)
    } catch (error) {
      if (hasBegun) throw error
      return task()
    }
  }
}

function createLocalLock(): Lock {
  let last: Promise<unknown> = Promise.resolve()
  return (task) => {
    const result = last.then(task)
    last = result.catch(() => null)
    return result
  }
}
