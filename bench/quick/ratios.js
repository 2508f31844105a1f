import { compare, median } from '../lib/rounds.js'

/**
 * Scenarios of the quick comparison, each with the baseline of the same run that it is divided by. So what is compared with
 * earlier runs depends less on the machine.
 */
export const against = {
  me: 'base-verified',
  'items-1': 'base-items',
  'client-credentials': 'base-verified',
  introspect: 'base-verified',
  refresh: 'limit-refresh',
}

/**
 * @typedef {import('../lib/rounds.js').Results} Results
 *
 * @typedef {object} Ratio a scenario in units of its baseline
 * @property {number} rate
 * @property {number | null} cpu CPU time per request
 * @property {number | null} cpuMicroseconds the CPU time itself
 */

/**
 * Returns the medians of the ratios of all rounds.
 *
 * @param {Results} results
 * @returns {Record<string, Ratio>} without the scenarios that could not be measured
 */
export function toRatios(results) {
  const measured = Object.entries(against).filter((names) => names.every((name) => results.has(name)))
  return Object.fromEntries(
    measured.map(([name, baseline]) => [
      name,
      {
        rate: round(compare(results, name, baseline) ?? Number.NaN),
        cpu: orNull(compareCpu(results, name, baseline)),
        cpuMicroseconds: orNull(median((results.get(name)?.rounds ?? []).flatMap(({ cpu }) => cpu ?? []))),
      },
    ]),
  )
}

/**
 * @param {Results} results
 * @param {string} one
 * @param {string} other
 */
function compareCpu(results, one, other) {
  const these = results.get(one)?.rounds ?? []
  const those = results.get(other)?.rounds ?? []
  return median(
    these.flatMap(({ cpu }, index) => {
      const reference = those[index]?.cpu
      return cpu && reference ? cpu / reference : []
    }),
  )
}

/** @param {number | undefined} value */
function orNull(value) {
  return value === undefined ? null : round(value)
}

/** @param {number} value */
function round(value) {
  return Number(value.toPrecision(4))
}
