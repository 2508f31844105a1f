/** Time between two rolling restarts in a run of 30 minutes (seconds), and the least in a shorter one. */
const restartIntervalSeconds = 120
const minimumIntervalSeconds = 40
/** Time before the end at which no rolling restart begins any more (seconds). */
const quietEndSeconds = 30
/** Length of the run for which the other times are meant (minutes). */
const wholeRunMinutes = 30
/** Time for which verifiers may cache the public keys in a run of that length (seconds). */
const keyCacheSeconds = 300

/**
 * @typedef {'rolling restart' | 'keys rotated' | 'PostgreSQL restarted'} Incident
 * @typedef {object} Plan what happens in a run, and when (seconds since the load began)
 * @property {number} minutes
 * @property {number} seconds
 * @property {number} warmUpSeconds duration of the closed loop before that
 * @property {number} capacitySeconds duration of the closed loop that measures the capacity
 * @property {number} keyCacheSeconds setting JWKS_MAX_AGE_SECONDS: a new key signs so much later, and 20 s
 * @property {{ at: number, what: Incident, isLast: boolean }[]} incidents in the order of their times
 */

/**
 * Returns the plan of a run. All times but those of the restarts scale with its length.
 *
 * @param {number} minutes
 * @returns {Plan}
 */
export function planOf(minutes) {
  const seconds = minutes * 60
  const interval = Math.max(minimumIntervalSeconds, Math.min(restartIntervalSeconds, seconds / 3))
  const restarts = Array.from({ length: Math.floor((seconds - quietEndSeconds) / interval) }, (_, index) => ({
    at: (index + 1) * interval,
    what: /** @type {Incident} */ ('rolling restart'),
    isLast: false,
  }))
  const others = [
    { at: seconds / 4, what: /** @type {Incident} */ ('keys rotated'), isLast: false },
    { at: seconds / 2, what: /** @type {Incident} */ ('PostgreSQL restarted'), isLast: false },
    { at: (seconds * 5) / 8, what: /** @type {Incident} */ ('keys rotated'), isLast: false },
  ]
  const last = restarts.at(-1)
  if (last) last.isLast = true
  return {
    minutes,
    seconds,
    warmUpSeconds: 10,
    capacitySeconds: Math.max(10, Math.min(30, seconds / 10)),
    keyCacheSeconds: Math.max(
      1,
      Math.round((keyCacheSeconds * Math.min(minutes, wholeRunMinutes)) / wholeRunMinutes) - 10,
    ),
    incidents: [...restarts, ...others].sort((one, other) => one.at - other.at),
  }
}
