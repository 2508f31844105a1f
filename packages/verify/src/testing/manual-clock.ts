import type { Clock } from '../runtime/clock.js'

/** A clock that advances only when a test moves it. */
export interface ManualClock extends Clock {
  /** Lets time pass (milliseconds). */
  advance(ms: number): void
  /** Sets the clock forward, or back with a negative number, as an administrator does: no time passes (milliseconds). */
  jump(ms: number): void
}

/** Creates a clock. @param now its time (milliseconds since 1970) */
export function createManualClock(now: number): ManualClock {
  let wall = now
  let passed = 0
  return {
    now: () => wall,
    monotonic: () => passed,
    advance(ms) {
      wall += ms
      passed += ms
    },
    jump(ms) {
      wall += ms
    },
  }
}
