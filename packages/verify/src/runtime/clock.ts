/** Source of time. Replace it in tests only. */
export interface Clock {
  /** Returns the time by which tokens expire (milliseconds since 1970). It can jump. */
  now(): number
  /** Returns a time that never runs backwards (milliseconds since any point). It may stand still while the machine sleeps. */
  monotonic(): number
}

/** The clock of this machine. */
export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

/** A moment by both times of a clock. */
export interface Moment {
  now: number
  monotonic: number
}

/** Returns the present moment. */
export function moment(clock: Clock): Moment {
  return { now: clock.now(), monotonic: clock.monotonic() }
}

/**
 * Returns the time that has passed since a moment (milliseconds), by whichever time says more. So neither a clock that was set
 * back nor a machine that slept makes anything look younger than it is.
 */
export function elapsedSince(since: Moment, clock: Clock): number {
  return Math.max(clock.monotonic() - since.monotonic, clock.now() - since.now)
}
