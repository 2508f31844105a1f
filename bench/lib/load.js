import { isInstalled } from './children.js'
import { loadWithAutocannon } from './load-autocannon.js'
import { loadWithWrk } from './load-wrk.js'

/**
 * @typedef {{ method: string, path: string, headers: Record<string, string>, body?: string }} Request
 *
 * @typedef {object} Task what to load a server with
 * @property {string} url its origin
 * @property {Request[]} requests sent in turn
 * @property {number} connections
 * @property {number} seconds
 * @property {number} expect the status that every answer should have
 * @property {string[]} [chain] refresh tokens, at least one more than there are connections. Each request takes one,
 * in the place of the first of them in its body, and the answer brings the next one
 *
 * @typedef {object} Measured
 * @property {number} rate answers per second
 * @property {number} p50 milliseconds
 * @property {number} p99 milliseconds
 * @property {number} unexpected answers of another status, and requests without an answer
 *
 * @typedef {(task: Task) => Promise<Measured>} Load
 */

/** @type {Promise<{ name: string, load: Load }> | undefined} */
let chosen

/** The load generator of this machine: wrk where it is installed, or else autocannon. */
export async function loadGenerator() {
  chosen ??= isInstalled('wrk').then((hasWrk) =>
    hasWrk ? { name: 'wrk', load: loadWithWrk } : { name: 'autocannon', load: loadWithAutocannon },
  )
  return chosen
}

/** Loads a server, and measures how it does. @type {Load} */
export async function load(task) {
  const { load } = await loadGenerator()
  return load(task)
}
