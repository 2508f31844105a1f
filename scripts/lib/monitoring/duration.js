/**
 * Returns a duration of a rule, such as `5m` or `1d`, as the rules have it: as it is, or shortened.
 *
 * @typedef {(duration: string) => string} Scale
 */

/** Milliseconds in each unit that the rules use. */
const units = { m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Keeps the durations of rules.
 *
 * @type {Scale}
 */
export const keep = (duration) => duration

/**
 * Returns a function that divides the durations of rules, so that a test sees within seconds what takes an hour.
 *
 * @param {number} divisor
 * @returns {Scale}
 */
export function divideBy(divisor) {
  return (duration) => {
    const unit = /** @type {keyof typeof units} */ (duration.slice(-1))
    return `${(Number.parseInt(duration, 10) * units[unit]) / divisor}ms`
  }
}
