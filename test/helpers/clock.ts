import type { Test } from 'tap'

/** Shifts the clock of this process, except for timers, until the test ends. */
export function shiftClock(t: Test, seconds: number): void {
  const RealDate = Date
  const offset = seconds * 1000
  class ShiftedDate extends RealDate {
    constructor(...given: [] | [number]) {
      super(...((given.length > 0 ? given : [RealDate.now() + offset]) as [number]))
    }
    static override now(): number {
      return RealDate.now() + offset
    }
  }
  globalThis.Date = ShiftedDate as DateConstructor
  t.teardown(() => {
    globalThis.Date = RealDate
  })
}

/**
 * Stops the monotonic clock of this process, `performance.now`, until the test ends. Only `advance` moves it. It stands at whole
 * milliseconds, so that differences are exact: a fraction would be rounded, and a limit missed by it.
 */
export function stopMonotonicClock(t: Test): { advance(ms: number): void } {
  const realNow = performance.now
  let now = Math.ceil(performance.now())
  performance.now = () => now
  t.teardown(() => {
    performance.now = realNow
  })
  return {
    advance(ms) {
      now += ms
    },
  }
}
