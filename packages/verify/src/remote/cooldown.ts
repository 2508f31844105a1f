import type { DocumentError } from '../errors/document-error.js'
import { type Clock, type Moment, moment } from '../runtime/clock.js'

/** Bounds of the time without a fetch after a failure (milliseconds): `minMs`, doubled for each further failure, up to `maxMs`. */
export interface Cooldown {
  minMs: number
  maxMs: number
}

/** A failed fetch. There is no other one until its cooldown has passed. */
export interface Failure {
  error: DocumentError
  at: Moment
  /** Number of failures in a row. */
  count: number
  cooldownMs: number
}

/**
 * Returns the failure of a fetch that ends now. Its cooldown is at least the time that the server asked for, up to `maxMs`.
 *
 * @param previous failure before, if no fetch has succeeded since
 */
export function nextFailure(
  error: DocumentError,
  previous: Failure | null,
  { minMs, maxMs }: Cooldown,
  clock: Clock,
): Failure {
  const count = (previous?.count ?? 0) + 1
  const backoffMs = Math.max(minMs * 2 ** (count - 1), error.retryAfterMs ?? 0)
  return { error, at: moment(clock), count, cooldownMs: Math.min(backoffMs, maxMs) }
}
