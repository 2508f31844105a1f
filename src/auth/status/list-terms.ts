import type { ListTerms } from '../store/status-blocks.js'
import { overlapSeconds } from './supply.js'

/** Lifetime of the tokens of the first class (seconds). That of each further class is eight times as long. */
const shortestClassSeconds = 3_600
/** Time for which a list of the first class is open (seconds). */
const shortestOpenSeconds = 600
/** Tolerance for verifiers whose clocks are slow (seconds). */
const toleranceSeconds = 300

/**
 * Returns the terms of the lists of tokens with a lifetime. A list is open for ten minutes and its tokens live for at most an hour;
 * lists of longer tokens are open for an eighth of the longest lifetime, as there would be thousands of them otherwise.
 */
export function listTerms(ttlSeconds: number): ListTerms {
  let lifetimeClass = 0
  while (maxTtlSeconds(lifetimeClass) < ttlSeconds) lifetimeClass += 1
  const classSeconds = maxTtlSeconds(lifetimeClass)
  return {
    class: lifetimeClass,
    openSeconds: lifetimeClass === 0 ? shortestOpenSeconds : classSeconds / 8,
    retentionSeconds: overlapSeconds + classSeconds + toleranceSeconds,
  }
}

/** Returns the longest lifetime of the tokens of a class (seconds). */
function maxTtlSeconds(lifetimeClass: number): number {
  return shortestClassSeconds * 8 ** lifetimeClass
}
