import { attempt, failures } from './attempt.js'

/**
 * @typedef {import('../scenarios/scenario.js').Scenario} Scenario
 * @typedef {import('../scenarios/scenario.js').Measured} Measured
 * @typedef {Map<string, { title: string, rounds: Measured[] }>} Results
 */

const warmUpSeconds = 1

/**
 * Measures all scenarios once, then all of them again: whatever drifts meanwhile drifts for all alike. Before that each
 * gets a second to warm up in.
 *
 * @param {Scenario[]} scenarios
 * @param {import('./world.js').World} world
 * @param {number} rounds
 * @param {() => boolean} isLate whether there is no time for another round
 * @returns {Promise<Results>}
 */
export async function measureInRounds(scenarios, world, rounds, isLate) {
  for (const { name, measure } of scenarios) {
    console.error(`warming up: ${name}`)
    await attempt(name, () => measure({ ...world, seconds: warmUpSeconds }))
  }
  const able = scenarios.filter(({ name }) => !failures.includes(name))
  /** @type {Results} */
  const results = new Map(able.map(({ name, title }) => [name, { title, rounds: [] }]))
  for (let round = 1; round <= rounds && !(round > 1 && isLate()); round++)
    for (const { name, measure } of able) {
      const measured = await attempt(name, () => measure(world))
      if (!measured) continue
      results.get(name)?.rounds.push(measured)
      console.error(`round ${round} of ${rounds}: ${name}, ${Math.round(measured.rate)}/s`)
    }
  return results
}

/**
 * How the rate of one scenario compares with that of another: the median of what each round says.
 *
 * @param {Results} results
 * @param {string} one
 * @param {string} other
 */
export function compare(results, one, other) {
  const [these, those] = [results.get(one)?.rounds ?? [], results.get(other)?.rounds ?? []]
  return median(these.flatMap(({ rate }, round) => rate / (those[round]?.rate ?? Number.NaN)))
}

/** @param {number[]} values */
export function median(values) {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)]
}
