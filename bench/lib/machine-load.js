import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuSecondsOfOthers, tellsCpuTime } from './cpu.js'

const ticksPerSecond = 100
/** Indexes of times in /proc/stat: proc_stat(5). */
const firstIdleTime = 3
const stealTime = 7
const sampleMs = 50
/** Maximum share of the machine's CPU time that others may use while something is judged. */
const maximumOthers = 0.05
/** Maximum share that a hypervisor may withhold. */
const maximumSteal = 0.02
/** Minimum share that is idle while the run does nothing: others may be hidden from it, as containers are from each other. */
const minimumIdle = 0.9
/** Maximum number of tasks of others, on average, that are running or waiting for a core. */
const maximumQueue = 0.5

/**
 * @typedef {object} MachineLoad what others did with the machine for a while
 * @property {number} others CPU time of processes that do not belong to the run, as a share of all cores
 * @property {number} steal CPU time that the hypervisor withheld, as a share of all cores
 * @property {number} idle CPU time that nobody used, as a share of all cores
 * @property {number} queue tasks that were running or waiting for a core, on average, without the one that measures
 */

/**
 * Measures what others do while the run itself does nothing.
 *
 * @param {number} milliseconds
 * @returns {Promise<MachineLoad | undefined>} nothing where the kernel does not tell
 */
export async function measureMachine(milliseconds) {
  return (await watchMachine(() => delay(milliseconds))).load
}

/**
 * Does some work and measures what others do meanwhile.
 *
 * @template T
 * @param {() => Promise<T>} work
 * @returns {Promise<{ result: T, load: MachineLoad | undefined }>}
 */
export async function watchMachine(work) {
  if (!tellsCpuTime) return { result: await work(), load: undefined }
  /** @type {number[]} */
  const queues = []
  const timer = setInterval(() => queues.push(readQueue()), sampleMs)
  const began = performance.now()
  const before = readTimes()
  const result = await work().finally(() => clearInterval(timer))
  const after = readTimes()
  const all = ((performance.now() - began) / 1000) * availableParallelism()
  const share = (/** @type {keyof typeof before} */ key) => (after[key] - before[key]) / all
  return {
    result,
    load: {
      others: Math.max(0, share('others')),
      steal: share('steal'),
      idle: share('idle'),
      queue: queues.reduce((sum, queue) => sum + queue, 0) / Math.max(1, queues.length),
    },
  }
}

/**
 * Says why a machine is too busy for a judgement.
 *
 * @param {MachineLoad | undefined} before while the run did nothing
 * @param {MachineLoad | undefined} during while it measured, when the queue is its own as well
 * @returns {string | undefined} nothing if the machine was quiet
 */
export function describeDisturbance(before, during) {
  if (!before || !during) return 'this system does not tell what others do'
  if (before.idle < minimumIdle) return `only ${percent(before.idle)} of the machine was idle before`
  if (before.queue > maximumQueue) return `${before.queue.toFixed(1)} other tasks were running before`
  for (const [when, { others, steal }] of Object.entries({ before, during })) {
    if (others > maximumOthers) return `others used ${percent(others)} of the machine (${when})`
    if (steal > maximumSteal) return `the hypervisor withheld ${percent(steal)} of the machine (${when})`
  }
  return undefined
}

/**
 * Says what a run shows: on a busy machine no times, but ratios, because both sides are measured in turn and others disturb both.
 *
 * @param {string | undefined} disturbance why the machine was not quiet
 */
export function describeQuietness(disturbance) {
  if (disturbance === undefined) return 'The machine was quiet.'
  return `The machine was not quiet: ${disturbance}. Ratios are judged, times are not; rates and times do not show what Latchkey can do.`
}

/** Returns CPU times since the start of the machine, and those of processes outside this run (seconds). */
function readTimes() {
  const times = readCpuLine()
  const [idle = 0, waiting = 0] = times.slice(firstIdleTime)
  const [steal = 0] = times.slice(stealTime)
  return { idle: idle + waiting, steal, others: cpuSecondsOfOthers(process.pid) }
}

/** Returns the times in the first line of /proc/stat (seconds): proc_stat(5). */
function readCpuLine() {
  const [line = ''] = readFileSync('/proc/stat', 'utf8').split('\n', 1)
  return line
    .split(/\s+/)
    .slice(1)
    .map((ticks) => Number(ticks) / ticksPerSecond)
}

/** Returns the number of tasks that are running or waiting for a core, without this process. */
function readQueue() {
  const running = /^procs_running (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))
  return Math.max(0, Number(running?.[1]) - 1)
}

/** @param {number} share */
function percent(share) {
  return `${(share * 100).toFixed()}%`
}
