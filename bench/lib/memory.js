import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const sampleMs = 100
const isLinux = process.platform === 'linux'

/** Returns the resident memory of a process (MB). @param {number} pid */
export function residentMemory(pid) {
  if (isLinux) return readStatus(pid, 'VmRSS')
  return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024
}

/**
 * Watches the peak memory of a process. Linux records it; elsewhere it is sampled.
 *
 * @param {number} pid
 * @returns {() => number} a function that ends the watch and returns the peak (MB)
 */
export function watchPeakMemory(pid) {
  if (isLinux) {
    // The value 5 resets the peak: proc_pid_clear_refs(5).
    writeFileSync(`/proc/${pid}/clear_refs`, '5')
    return () => readStatus(pid, 'VmHWM')
  }
  let peak = residentMemory(pid)
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMemory(pid))
  }, sampleMs)
  return () => {
    clearInterval(timer)
    return Math.max(peak, residentMemory(pid))
  }
}

/**
 * @param {number} pid
 * @param {string} name
 */
function readStatus(pid, name) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) / 1024
}
