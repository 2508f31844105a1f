import { isInstalled } from './children.js'
import { loadWithAutocannon } from './load-autocannon.js'
import { loadWithWrk } from './load-wrk.js'

/**
 * @typedef {{ method: string, path: string, headers: Record<string, string>, body?: string }} Request
 *
 * @typedef {object} Task load for a server
 * @property {string} url origin of the server
 * @property {Request[]} requests sent in rotation
 * @property {number} connections
 * @property {number} seconds
 * @property {number} expect status expected of every response
 * @property {string[]} [chain] refresh tokens, at least one more than connections. Each request takes one,
 * which replaces the first one in its body, and the response contains the next one
 * @property {number} [core] the only core on which the load generator runs
 *
 * @typedef {object} Measured
 * @property {number} rate responses per second
 * @property {number} requests number of responses
 * @property {number} p50 milliseconds
 * @property {number} p99 milliseconds
 * @property {number} unexpected responses with another status, and requests without a response
 *
 * @typedef {(task: Task) => Promise<Measured>} Load
 */

/** @type {Promise<{ name: string, load: Load }> | undefined} */
let chosen

/** Returns the load generator of this machine: wrk if it is installed, otherwise autocannon. */
export async function loadGenerator() {
  chosen ??= isInstalled('wrk').then((hasWrk) =>
    hasWrk ? { name: 'wrk', load: loadWithWrk } : { name: 'autocannon', load: loadWithAutocannon },
  )
  return chosen
}

/** Loads a server and measures its responses. @type {Load} */
export async function load(task) {
  const { load } = await loadGenerator()
  return load(task)
}
