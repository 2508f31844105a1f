import { cpuSeconds, tellsCpuTime } from './cpu.js'
import { watchPeakMemory } from './memory.js'

const microsecondsPerSecond = 1e6

/**
 * @typedef {import('../scenarios/scenario.js').Measured} Measured
 * @typedef {import('./environment.js').Target} Target
 * @typedef {{ database: { pid: number | undefined } }} Surroundings
 */

/**
 * Adds what the server used to a measurement: its peak memory, and the CPU time per request of its processes and of
 * PostgreSQL. What is unknown is left out.
 *
 * @param {Surroundings} surroundings
 * @param {Target[]} targets the processes of the server
 * @param {() => Promise<Measured>} measure
 * @returns {Promise<Measured>}
 */
export async function withResources({ database }, targets, measure) {
  const pids = targets.flatMap(({ pid }) => pid ?? [])
  if (pids.length < targets.length) return measure()
  const endMemoryWatch = pids.map(watchPeakMemory)
  const endCpuWatch = watchCpu(pids)
  const endDatabaseWatch = watchCpu(database.pid === undefined ? [] : [database.pid])
  const measured = await measure()
  return {
    ...measured,
    ...named('cpu', endCpuWatch(measured.requests)),
    ...named('databaseCpu', endDatabaseWatch(measured.requests)),
    memory: endMemoryWatch.reduce((sum, end) => sum + end(), 0),
  }
}

/**
 * @param {number[]} pids
 * @returns {(requests?: number) => number | undefined} a function that returns the CPU time per request (microseconds)
 */
function watchCpu(pids) {
  if (!tellsCpuTime || pids.length === 0) return () => undefined
  const before = cpuSeconds(pids)
  return (requests) => {
    const used = cpuSeconds(pids) - before
    return requests ? (used / requests) * microsecondsPerSecond : undefined
  }
}

/**
 * @param {string} name
 * @param {number | undefined} value
 */
function named(name, value) {
  return value === undefined ? {} : { [name]: value }
}
