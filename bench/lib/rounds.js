import { attempt } from './attempt.js'

/**
 * @typedef {import('../scenarios/scenario.js').Scenario} Scenario
 * @typedef {import('../scenarios/scenario.js').Measured} Measured
 * @typedef {Map<string, { title: string, rounds: Measured[] }>} Results
 */

const warmUpSeconds = 1

/**
 * Measures all scenarios once per round, so that drift of the machine affects all of them alike. Before that each
 * is warmed up for a second, and those that cannot be measured are left out.
 *
 * @param {Scenario[]} scenarios
 * @param {import('./environment.js').Environment} environment
 * @param {number} rounds
 * @param {() => boolean} isLate whether there is no time for another round
 * @returns {Promise<Results>}
 */
export async function measureInRounds(scenarios, environment, rounds, isLate) {
  /** @type {Scenario[]} */
  const able = []
  for (const scenario of scenarios) {
    console.error(`warming up: ${scenario.name}`)
    const measured = await attempt(scenario.name, () =>
      scenario.measure({ ...environment, seconds: warmUpSeconds }),
    )
    if (measured) able.push(scenario)
  }
  /** @type {Results} */
  const results = new Map(able.map(({ name, title }) => [name, { title, rounds: [] }]))
  for (let round = 1; round <= rounds && !(round > 1 && isLate()); round++)
    for (const { name, measure } of able) {
      const measured = await attempt(name, () => measure(environment))
      if (!measured) continue
      results.get(name)?.rounds.push(measured)
      console.error(`round ${round} of ${rounds}: ${name}, ${Math.round(measured.rate)}/s`)
    }
  return results
}

/**
 * Returns the ratio of the rates of two scenarios: the median of the ratios of each round.
 *
 * @param {Results} results
 * @param {string} one
 * @param {string} other
 */
export function compare(results, one, other) {
  const these = results.get(one)?.rounds ?? []
  const those = results.get(other)?.rounds ?? []
  return median(these.flatMap(({ rate }, round) => rate / (those[round]?.rate ?? Number.NaN)))
}

/** @param {number[]} values */
export function median(values) {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]
}
