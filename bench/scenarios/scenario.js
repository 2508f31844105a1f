import { load } from '../lib/load.js'
import { watchPeakMemory } from '../lib/memory.js'

/**
 * @typedef {import('../lib/environment.js').Environment} Environment
 * @typedef {import('../lib/load.js').Request} Request
 *
 * @typedef {Omit<import('../lib/load.js').Measured, 'p50' | 'p99'> & { p50?: number, p99?: number, memory?: number }} Measured
 * result of one measurement; `memory` is the peak of the process in MB
 *
 * @typedef {object} Scenario a measurement that is repeated in each round
 * @property {string} name
 * @property {string} title
 * @property {(environment: Environment) => Promise<Measured>} measure
 *
 * @typedef {object} Probe a measurement that is made once
 * @property {string} name
 * @property {(environment: Environment) => Promise<{ facts: Record<string, number>, unexpected: number }>} probe
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
export async function measureRequests({ service, seconds }, requests, { target = service, ...options } = {}) {
  return withPeakMemory(target, () =>
    load({ url: target.url, requests, connections, seconds, expect: 200, ...options }),
  )
}

/**
 * Adds the peak memory of the process to a measurement.
 *
 * @param {import('../lib/environment.js').Target} target
 * @param {() => Promise<Measured>} measure
 */
export async function withPeakMemory({ pid }, measure) {
  if (pid === undefined) return measure()
  const endWatch = watchPeakMemory(pid)
  const measured = await measure()
  return { ...measured, memory: endWatch() }
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
