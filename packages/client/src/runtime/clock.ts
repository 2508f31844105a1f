/** Source of time. Replace it in tests only. */
export interface Clock {
  /** Returns the time of day (milliseconds since 1970). It can jump. */
  now(): number
  /** Returns a time that never runs backwards (milliseconds since any point). It may stand still while the machine sleeps. */
  monotonic(): number
  /** Waits. @throws the reason of the signal */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>
  /** Returns a signal that aborts after a time, and does not keep the process alive. */
  timeout(ms: number): AbortSignal
}

/** The clock of this machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep,
  timeout: (ms) => AbortSignal.timeout(ms),
}

/** The timer exists only while a call waits for it. */
function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    signal?.addEventListener('abort', abort)
    if (signal?.aborted) abort()
  })
}

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
