/** Delay after the first failure (seconds). Each further one is three times as long. */
const firstDelaySeconds = 5
/** Maximum delay without Retry-After (seconds). */
const maxDelaySeconds = 4 * 3_600
/** Maximum delay that a target can ask for (seconds). */
const maxRetryAfterSeconds = 3_600
/** Maximum random addition to a delay (fraction of it), so that messages that failed together are not repeated together. */
const jitter = 0.2

/**
 * Returns the time until the next attempt (seconds), by exponential backoff with jitter: 5, 15, 45 and 135 s, 7, 20, 61 and
 * 182 min, then every 4 hours, each up to 20% longer.
 *
 * @param failures number of attempts that have failed
 * @param retryAfterSeconds time that the target asked for (`Retry-After`)
 * @param random number from 0 to 1
 */
export function delayAfter(failures: number, retryAfterSeconds: number, random = Math.random()): number {
  const delay = Math.min(firstDelaySeconds * 3 ** (failures - 1), maxDelaySeconds) * (1 + jitter * random)
  return Math.max(delay, Math.min(retryAfterSeconds, maxRetryAfterSeconds))
}
