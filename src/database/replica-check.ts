import type { Queryable } from './query.js'
import { createLagMeter, type ReplicaProblem } from './replica-lag.js'

/** Limits of the reads from a replica, in milliseconds. */
export interface ReplicaLimits {
  /** Maximum lag behind the primary. */
  maxLagMs: number
  /** Time for which the replica is not checked after it could not be reached. */
  restMs?: number
}

/** Maximum time for which the result of a check holds (milliseconds). */
const maxHoldMs = 1_000

/** Whether a replica is usable, by the last check. */
export interface ReplicaCheck {
  /** Returns why the replica is not usable, or null. */
  problem(): ReplicaProblem | null
  /** Whether the result of the last check no longer holds. */
  isDue(): boolean
  /** Checks the replica, once at a time (single flight). */
  run(): Promise<void>
  /** Notes that the replica cannot be reached. */
  noteUnreachable(): void
  /** Returns the maximum lag behind the primary (milliseconds); undefined before the replica was seen. */
  lagMs(): number | undefined
  /** Adds a listener for when the replica stops being usable, and when it is usable again (null). */
  onChange(listener: (problem: ReplicaProblem | null) => void): void
}

export function createReplicaCheck(
  replica: Queryable,
  primary: Queryable,
  { maxLagMs, restMs = 5_000 }: ReplicaLimits,
): ReplicaCheck {
  const meter = createLagMeter(replica, primary, maxLagMs)
  const listeners: ((problem: ReplicaProblem | null) => void)[] = []
  let problem: ReplicaProblem | null = null
  let holdsUntil = Number.NEGATIVE_INFINITY
  let checking: Promise<void> | undefined

  function conclude(found: ReplicaProblem | null, holdsMs = Math.min(maxHoldMs, maxLagMs / 4)): void {
    holdsUntil = performance.now() + holdsMs
    if (found === problem) return
    problem = found
    for (const listener of listeners) listener(found)
  }

  function noteUnreachable(): void {
    meter.forgetIdentity()
    conclude('cannot be reached', restMs)
  }

  return {
    problem: () => problem,
    isDue: () => performance.now() >= holdsUntil,
    run() {
      checking ??= meter
        .measure()
        .then((found) => conclude(found), noteUnreachable)
        .finally(() => {
          checking = undefined
        })
      return checking
    },
    noteUnreachable,
    lagMs: meter.lagMs,
    onChange(listener) {
      listeners.push(listener)
    },
  }
}
