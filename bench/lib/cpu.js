import { readdirSync, readFileSync } from 'node:fs'

/** Unit of the times in /proc (ticks per second): USER_HZ, which is 100 on every architecture that Node.js runs on. */
const ticksPerSecond = 100
/** Indexes of the fields of /proc/PID/stat that follow the name of the program: proc_pid_stat(5). */
const parentField = 1
const firstTimeField = 11
const lastTimeField = 14

/** The parent of all threads of the kernel (kthreadd). */
const kernelThreads = 2

/** @typedef {{ parent: number, ticks: number }} Usage */

/** Whether the kernel tells the CPU time of other processes in a way that is understood here. */
export const tellsCpuTime = process.platform === 'linux'

/**
 * Returns the CPU time, user and system, of processes and all of their descendants, including those that have ended
 * (seconds).
 *
 * @param {number[]} pids
 * @param {string} [folder] where the kernel describes processes
 */
export function cpuSeconds(pids, folder = '/proc') {
  const usages = readUsages(folder)
  const ticks = [...withDescendants(pids, usages)].map((pid) => usages.get(pid)?.ticks ?? 0)
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond
}

/**
 * Returns the CPU time of all processes that are neither a process, nor one of its descendants, nor threads of the kernel,
 * which work for all (seconds).
 *
 * @param {number} pid
 * @param {string} [folder] where the kernel describes processes
 */
export function cpuSecondsOfOthers(pid, folder = '/proc') {
  const usages = readUsages(folder)
  const excluded = withDescendants([pid, kernelThreads], usages)
  const ticks = [...usages].map(([other, usage]) => (excluded.has(other) ? 0 : usage.ticks))
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond
}

/** Returns the parent of a process. @param {number} pid */
export function parentOf(pid) {
  return readUsage(`/proc/${pid}`)?.parent
}

/**
 * @param {number[]} pids
 * @param {Map<number, Usage>} usages
 */
function withDescendants(pids, usages) {
  const found = new Set(pids)
  // Iterating over a set also visits what is added meanwhile.
  for (const pid of found) for (const [child, { parent }] of usages) if (parent === pid) found.add(child)
  return found
}

/**
 * @param {string} folder
 * @returns {Map<number, Usage>}
 */
function readUsages(folder) {
  const pids = readdirSync(folder).filter((name) => /^\d+$/.test(name))
  return new Map(
    pids.flatMap((name) => {
      const usage = readUsage(`${folder}/${name}`)
      return usage ? [[Number(name), usage]] : []
    }),
  )
}

/**
 * Reads the times of a process and of its children that have ended.
 *
 * @param {string} folder that of the process
 * @returns {Usage | undefined} nothing if the process has ended
 */
function readUsage(folder) {
  try {
    const stat = readFileSync(`${folder}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const times = fields.slice(firstTimeField, lastTimeField + 1)
    return { parent: Number(fields[parentField]), ticks: times.reduce((sum, time) => sum + Number(time), 0) }
  } catch {
    return undefined
  }
}
