import type { ClientError } from '../errors/client-error.js'
import { type Clock, elapsedSince, type Moment, moment } from '../runtime/clock.js'

/** Bounds of a time that doubles with every failure (milliseconds). */
export interface Backoff {
  minMs: number
  maxMs: number
}

/** A failed request. There is no other one until its cooldown has passed. */
export interface Failure {
  error: ClientError
  at: Moment
  /** Number of failures in a row. */
  count: number
  cooldownMs: number
}

/** Maximum time for which a server can put off the next request with `Retry-After` (milliseconds). */
const maxRetryAfterMs = 60_000

/** Returns the time to wait after a number of failures (milliseconds). */
export function backoffAfter(count: number, { minMs, maxMs }: Backoff): number {
  return Math.min(minMs * 2 ** (count - 1), maxMs)
}

/**
 * Returns the failure of a request that ends now. Its cooldown is the backoff, or the longer time that the server asked for; both
 * are varied, so that processes that failed together do not ask together.
 *
 * @param previous failure before, if no request has succeeded since
 */
export function nextFailure(
  error: ClientError,
  previous: Failure | null,
  backoff: Backoff,
  { clock, random }: { clock: Clock; random: () => number },
): Failure {
  const count = (previous?.count ?? 0) + 1
  const backoffMs = backoffAfter(count, backoff) * (1 - random() / 2)
  const askedMs = Math.min(error.retryAfterMs ?? 0, maxRetryAfterMs) * (1 + random() / 10)
  return { error, at: moment(clock), count, cooldownMs: Math.max(backoffMs, askedMs) }
}

/** Returns the rest of the cooldown after a failure (milliseconds). */
export function remainingMs({ at, cooldownMs }: Failure, clock: Clock): number {
  return Math.max(0, cooldownMs - elapsedSince(at, clock))
}
