import { type ClientError, toClientError } from '../errors/client-error.js'
import { abortable } from '../runtime/abortable.js'
import { type Clock, elapsedSince, type Moment, moment } from '../runtime/clock.js'
import type { Emit } from '../runtime/events.js'
import { isWorkers } from '../runtime/workers.js'
import { type Backoff, type Failure, nextFailure, remainingMs } from './cooldown.js'

/** What renewal needs. */
export interface RenewalConfig {
  clock: Clock
  /** Returns a number from 0 to 1, as `Math.random` does. */
  random: () => number
  /** Time for which a call waits, in all, before it asks again a server that is down (milliseconds). */
  waitMs: number
  emit: Emit
}

/** A value with its times since its request was sent (milliseconds). */
interface Loaded<T> {
  value: T
  /** Time in which it is to be renewed. */
  lifetimeMs: number
  /** Time for which it can be used. Default: `lifetimeMs`. */
  usableMs?: number
}

/** Describes a value that is fetched, used and renewed. */
export interface Source<T> {
  load(): Promise<Loaded<T>>
  /** Bounds of the time without another request after a failure (milliseconds). */
  backoff: Backoff
  onLoad(durationMs: number, loaded: Loaded<T>): void
  onFailure(error: ClientError, durationMs: number, retryInMs: number): void
}

/** A value that is renewed before it ends. */
export interface Renewable<T> {
  /**
   * Returns the value. It asks for one first if there is none, and again after a pause while the server is down.
   *
   * @throws ClientError
   * @throws the reason of the signal; the request for the value goes on
   */
  get(signal?: AbortSignal): Promise<T>
  /** Returns the value that is kept and its age (milliseconds), or null without one. */
  peek(): { value: T; ageMs: number } | null
  /** Forgets the value that is kept. */
  discard(): void
}

/** A value that is kept. */
interface Copy<T> {
  value: T
  requestedAt: Moment
  /** Age from which it is renewed while it is used (milliseconds). */
  renewMs: number
  /** Age from which a call waits for the renewal (milliseconds). */
  lateMs: number
  endMs: number
}

/** Smallest share of its lifetime after which a value is renewed. */
const renewShare = 0.6
/** Range of that share, so that processes that started together do not ask together. */
const renewJitter = 0.25
/** Share of its lifetime after which a value may end before it arrives, so that it is used only if there is no other. */
const lateShare = 0.95

/**
 * Creates a value that is fetched at its first use:
 *
 * | age of the value      | `get`                                                                        |
 * | --------------------- | ---------------------------------------------------------------------------- |
 * | below 60 to 85%       | returns it                                                                   |
 * | up to 95%             | returns it, and renews it in the background                                  |
 * | up to its end         | waits for the renewal, and returns the old value if that fails               |
 * | none, or past its end | waits; after a failure pauses and tries again, for `waitMs` at most in all   |
 *
 * One request is under way at a time. After a failure there is none until a backoff has passed. There is no timer but that of a
 * call that pauses.
 */
export function createRenewable<T>(source: Source<T>, config: RenewalConfig): Renewable<T> {
  const { clock } = config
  let copy: Copy<T> | null = null
  let failure: Failure | null = null
  let flight: Promise<Copy<T> | Failure> | null = null

  async function get(signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    let waitedMs = 0
    for (;;) {
      const current = copyBefore('lateMs')
      if (current) {
        await abortable(renewIfDue(), signal)
        return current.value
      }
      const outcome = await abortable(renew(), signal)
      if ('value' in outcome) return outcome.value
      const old = copyBefore('endMs')
      if (old) return old.value
      const pauseMs = remainingMs(outcome, clock)
      if (!outcome.error.retryable || waitedMs + pauseMs >= config.waitMs) throw outcome.error
      await clock.sleep(pauseMs, signal)
      waitedMs += pauseMs
    }
  }

  /** Renews in the background, except on Workers: a request there ends with the one that it serves, and is waited for. */
  async function renewIfDue(): Promise<void> {
    if (copyBefore('renewMs') || (isWorkers() && flight)) return
    const renewal = renew()
    if (isWorkers()) await renewal
  }

  function copyBefore(age: 'renewMs' | 'lateMs' | 'endMs'): Copy<T> | null {
    return copy && elapsedSince(copy.requestedAt, clock) < copy[age] ? copy : null
  }

  /** Returns the outcome of a request, which is never rejected. On Workers a call must not wait for the request of another. */
  function renew(): Promise<Copy<T> | Failure> {
    if (failure && remainingMs(failure, clock) > 0) return Promise.resolve(failure)
    if (flight && !isWorkers()) return flight
    const started = request().finally(() => {
      if (flight === started) flight = null
    })
    flight = started
    return started
  }

  async function request(): Promise<Copy<T> | Failure> {
    const requestedAt = moment(clock)
    const durationMs = () => clock.monotonic() - requestedAt.monotonic
    try {
      const loaded = await source.load()
      copy = createCopy(loaded, requestedAt, config)
      failure = null
      source.onLoad(durationMs(), loaded)
      return copy
    } catch (cause) {
      const error = toClientError(cause)
      failure = nextFailure(error, failure, source.backoff, config)
      source.onFailure(error, durationMs(), failure.cooldownMs)
      return failure
    }
  }

  return {
    get,
    peek: () => copy && { value: copy.value, ageMs: elapsedSince(copy.requestedAt, clock) },
    discard() {
      copy = null
    },
  }
}

function createCopy<T>(
  { value, lifetimeMs, usableMs = lifetimeMs }: Loaded<T>,
  requestedAt: Moment,
  { random }: RenewalConfig,
): Copy<T> {
  const renewMs = lifetimeMs * (renewShare + renewJitter * random())
  return { value, requestedAt, renewMs, lateMs: usableMs * lateShare, endMs: usableMs }
}
