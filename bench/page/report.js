import { describeDisturbance } from '../lib/machine-load.js'
import { median } from '../lib/rounds.js'

/**
 * @typedef {object} Scenario as in the file of a run
 * @property {string} title
 * @property {number} rate
 * @property {number[]} rates of each round
 * @property {number} [cpu] microseconds per request
 * @property {number} [databaseCpu] microseconds per request
 * @property {number} [p50] milliseconds
 * @property {number} [p99] milliseconds
 * @property {number} [memory] MB
 * @property {number} [refused] logins at the same time that were refused by 503
 *
 * @typedef {import('../lib/machine-load.js').MachineLoad} MachineLoad
 *
 * @typedef {object} Report the file of a run
 * @property {string} date
 * @property {string} commit
 * @property {Record<string, string | number>} machine
 * @property {{ before?: MachineLoad, during?: MachineLoad }} load
 * @property {string[]} [only] the scenarios and probes that were chosen; nothing if all were
 * @property {number} seconds
 * @property {number} rounds
 * @property {number} processes
 * @property {Record<string, Scenario>} scenarios
 * @property {Record<string, number>} facts
 * @property {import('../lib/goals.js').Outcome[]} goals
 */

/** Kinds of requests that Latchkey and its peers have in common, by the end of the names of their scenarios. */
const sharedRequests = {
  me: 'GET /users/me/',
  items: 'GET /users/me/items/',
  'client-credentials': 'client_credentials',
  introspect: 'introspection',
}

/** Peers by the beginning of the names of their scenarios. */
const peerTitles = {
  fastapi: 'FastAPI',
  oidc: 'node-oidc-provider, in memory',
  'oidc-postgres': 'node-oidc-provider, on PostgreSQL',
  'peer-token': 'the peer at a URL',
}

/**
 * Returns the line below the title of each plot: where and when it was measured, and whether others used the machine.
 *
 * @param {Pick<Report, 'date' | 'machine'> & { load: { before?: MachineLoad | undefined, during?: MachineLoad | undefined } }} report
 */
export function captionOf({ date, machine, load }) {
  const disturbance = describeDisturbance(load.before, load.during)
  const state = disturbance === undefined ? 'quiet' : `not quiet: ${disturbance}`
  return `${date.slice(0, 10)}, ${machine.cores} cores of ${machine.cpu}, ${state}`
}

/**
 * @typedef {object} Comparison
 * @property {string} request
 * @property {string} prefix of the names of the peer's scenarios
 * @property {string} peer its title
 * @property {number} ratio of the rates: the median of the ratios of each round
 * @property {Scenario} own
 * @property {Scenario} other
 */

/**
 * Returns the comparisons of a run.
 *
 * @param {Pick<Report, 'scenarios'>} report
 * @returns {Comparison[]}
 */
export function comparisonsOf({ scenarios }) {
  return Object.entries(sharedRequests).flatMap(([name, request]) =>
    Object.entries(peerTitles).flatMap(([prefix, peer]) => {
      const own = scenarios[`latchkey-${name}`]
      const other = scenarios[`${prefix}-${name}`]
      if (!own || !other) return []
      return [{ request, prefix, peer, ratio: ratioOf(own, other), own, other }]
    }),
  )
}

/**
 * @param {Scenario} own
 * @param {Scenario} other
 */
function ratioOf(own, other) {
  return median(own.rates.map((rate, round) => rate / Number(other.rates[round]))) ?? Number.NaN
}
