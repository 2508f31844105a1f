import type { Clock } from '../../src/index.js'

/** A clock that a test moves. */
export interface ManualClock extends Clock {
  /** Pauses that calls made, in milliseconds. */
  pauses: number[]
  /** Whether pauses last until their signal aborts, instead of moving the clock. */
  holds: boolean
  /** Moves both times, and aborts the timeouts that end. */
  advance(ms: number): void
  /** Sets the time of day alone. */
  jump(ms: number): void
}

/** Returns a clock that stands still but for `advance`, `jump` and the pauses of calls. */
export function manualClock(): ManualClock {
  let now = Date.UTC(2030, 0, 1)
  let monotonic = 0
  const timeouts: { endsAt: number; controller: AbortController }[] = []
  const clock: ManualClock = {
    pauses: [],
    holds: false,
    now: () => now,
    monotonic: () => monotonic,
    async sleep(ms, signal) {
      clock.pauses.push(ms)
      if (clock.holds)
        await new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
      clock.advance(ms)
    },
    timeout(ms) {
      const controller = new AbortController()
      timeouts.push({ endsAt: monotonic + ms, controller })
      return controller.signal
    },
    advance(ms) {
      now += ms
      monotonic += ms
      for (const { endsAt, controller } of timeouts) if (endsAt <= monotonic) controller.abort()
    },
    jump(ms) {
      now += ms
    },
  }
  return clock
}
