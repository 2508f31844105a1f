import { load } from '../lib/load.js'
import { withResources } from '../lib/resources.js'

/**
 * @typedef {import('../lib/environment.js').Environment} Environment
 * @typedef {import('../lib/load.js').Request} Request
 *
 * @typedef {object} Measured result of one measurement
 * @property {number} rate responses per second
 * @property {number} unexpected responses with another status, and requests without a response
 * @property {number} [refused] logins at the same time that a service refused by 503, as it does when it has too many
 * @property {number} [requests] number of responses
 * @property {number} [p50] milliseconds
 * @property {number} [p99] milliseconds
 * @property {number} [cpu] CPU time of the server's processes per request (microseconds)
 * @property {number} [databaseCpu] CPU time of PostgreSQL per request (microseconds)
 * @property {number} [memory] peak of the server's processes (MB)
 *
 * @typedef {object} Scenario a measurement that is repeated in each round
 * @property {string} name
 * @property {string} title
 * @property {(environment: Environment) => Promise<Measured>} measure
 *
 * @typedef {object} Probe a measurement that is made once
 * @property {string} name
 * @property {(environment: Environment) => Promise<Found>} probe
 *
 * @typedef {object} Found what a probe found
 * @property {Record<string, number>} facts
 * @property {number} unexpected responses with another status, and requests without a response
 * @property {Record<string, string>} [disturbed] facts that must not be judged, and why
 */

const connections = 32

/**
 * Measures requests on 32 connections. By default each response must have the status 200.
 *
 * @param {Environment} environment
 * @param {Request[]} requests
 * @param {Partial<import('../lib/load.js').Task> & { target?: import('../lib/environment.js').Target }} [options]
 * @returns {Promise<Measured>}
 */
export async function measureRequests(environment, requests, options = {}) {
  const { target = environment.service, ...task } = options
  const { seconds } = environment
  return withResources(environment, [target], () =>
    load({ url: target.url, requests, connections, seconds, expect: 200, ...task }),
  )
}

/**
 * Returns a GET request.
 *
 * @param {string} path
 * @param {string} [token]
 * @returns {Request}
 */
export function get(path, token) {
  return { method: 'GET', path, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }
}

/**
 * Returns a POST request with a form.
 *
 * @param {string} path
 * @param {Record<string, string>} form
 * @param {Record<string, string>} [headers]
 * @returns {Request}
 */
export function post(path, form, headers) {
  const type = { 'content-type': 'application/x-www-form-urlencoded' }
  return { method: 'POST', path, headers: { ...type, ...headers }, body: String(new URLSearchParams(form)) }
}
