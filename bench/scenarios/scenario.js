import { load } from '../lib/load.js'
import { watchPeakMemory } from '../lib/memory.js'

/**
 * @typedef {import('../lib/world.js').World} World
 * @typedef {import('../lib/load.js').Request} Request
 *
 * @typedef {Omit<import('../lib/load.js').Measured, 'p50' | 'p99'> & { p50?: number, p99?: number, memory?: number }} Measured
 * what one measurement finds; `memory` is the peak of the process in MB
 *
 * @typedef {object} Scenario one measurement, of each round
 * @property {string} name
 * @property {string} title
 * @property {(world: World) => Promise<Measured>} measure
 *
 * @typedef {object} Inquiry what is found out once
 * @property {string} name
 * @property {(world: World) => Promise<{ facts: Record<string, number>, unexpected: number }>} inquire
 */

const connections = 32

/**
 * Measures requests, answered 200 unless it is said otherwise, on 32 connections.
 *
 * @param {World} world
 * @param {Request[]} requests
 * @param {Partial<import('../lib/load.js').Task> & { target?: import('../lib/world.js').Target }} [options]
 * @returns {Promise<Measured>}
 */
export async function measureRequests({ service, seconds }, requests, { target = service, ...options } = {}) {
  return withPeakMemory(target, () =>
    load({ url: target.url, requests, connections, seconds, expect: 200, ...options }),
  )
}

/**
 * Adds the peak memory of the process to what is measured.
 *
 * @param {import('../lib/world.js').Target} target
 * @param {() => Promise<Measured>} measure
 */
export async function withPeakMemory({ pid }, measure) {
  if (pid === undefined) return measure()
  const endWatch = watchPeakMemory(pid)
  const measured = await measure()
  return { ...measured, memory: endWatch() }
}

/**
 * A request that reads.
 *
 * @param {string} path
 * @param {string} [token]
 * @returns {Request}
 */
export function get(path, token) {
  return { method: 'GET', path, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }
}

/**
 * A request that sends a form.
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
