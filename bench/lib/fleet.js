import { load } from './load.js'
import { measureLogins } from './logins.js'
import { withResources } from './resources.js'

/** Number of connections to all processes together. */
const connections = 32

/**
 * @typedef {import('./environment.js').Target} Target
 * @typedef {import('./environment.js').Environment} Environment
 * @typedef {import('./load.js').Measured} Measured
 * @typedef {Target[]} Fleet the processes of one server, each on a port of its own
 */

/**
 * Starts processes side by side.
 *
 * @template {Target} T
 * @param {number} count
 * @param {() => Promise<T>} startOne
 */
export function startFleet(count, startOne) {
  return Promise.all(Array.from({ length: count }, startOne))
}

/**
 * Returns what surrounds a server that is measured: PostgreSQL only if the server uses it.
 *
 * @param {Environment} environment
 * @param {{ usesDatabase: boolean }} side
 * @returns {Environment}
 */
export function beside(environment, { usesDatabase }) {
  const { database } = environment
  return usesDatabase ? environment : { ...environment, database: { ...database, pid: undefined } }
}

/**
 * Loads each process by a load generator of its own. The connections are divided between the processes.
 *
 * @param {Environment} environment
 * @param {Fleet} fleet
 * @param {(target: Target) => Promise<import('./load.js').Request>} requestFor
 */
export async function measureFleet(environment, fleet, requestFor) {
  const requests = await Promise.all(fleet.map(requestFor))
  return withResources(environment, fleet, () => loadEach(fleet, requests, environment.seconds))
}

/**
 * Logs in at each process on one connection.
 *
 * @param {Environment} environment
 * @param {Fleet} fleet
 */
export async function measureFleetLogins(environment, fleet) {
  const { seconds } = environment
  const task = { usernames: ['johndoe'], connections: 1, seconds }
  return withResources(environment, fleet, async () =>
    total(await Promise.all(fleet.map(({ url }) => measureLogins({ ...task, url })))),
  )
}

/**
 * @param {Fleet} fleet
 * @param {import('./load.js').Request[]} requests one for each process
 * @param {number} seconds
 */
async function loadEach(fleet, requests, seconds) {
  const task = { connections: Math.max(1, Math.floor(connections / fleet.length)), seconds, expect: 200 }
  const loads = fleet.map(({ url }, index) =>
    load({ ...task, url, requests: requests.slice(index, index + 1) }),
  )
  return total(await Promise.all(loads))
}

/**
 * Adds up what was measured at each process. The response times are those of the slowest process.
 *
 * @param {Measured[]} all
 * @returns {Measured}
 */
export function total(all) {
  const sum = (/** @type {'rate' | 'requests' | 'unexpected'} */ key) =>
    all.reduce((total, each) => total + each[key], 0)
  const max = (/** @type {'p50' | 'p99'} */ key) => Math.max(...all.map((each) => each[key]))
  return {
    rate: sum('rate'),
    requests: sum('requests'),
    p50: max('p50'),
    p99: max('p99'),
    unexpected: sum('unexpected'),
  }
}
