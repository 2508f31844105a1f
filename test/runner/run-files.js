import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheDirectory } from '../../scripts/lib/sources.js'

const durationsFile = join(cacheDirectory, 'durations.json')

/**
 * Runs test files, several side by side. Those that took longest in the last run start first.
 *
 * @param {string[]} files
 * @param {number} jobs number of files that run at the same time
 * @param {(file: string) => Promise<import('./test-file.js').TestResult>} run
 * @param {(result: import('./test-file.js').TestResult) => void} onResult called when a file has ended
 * @returns {Promise<import('./test-file.js').TestResult[]>}
 */
export async function runFiles(files, jobs, run, onResult) {
  const durations = readDurations()
  const durationOf = (/** @type {string} */ file) => durations[file] ?? Number.POSITIVE_INFINITY
  const queue = files.toSorted((a, b) =>
    durationOf(a) === durationOf(b) ? 0 : durationOf(b) - durationOf(a),
  )
  /** @type {import('./test-file.js').TestResult[]} */
  const results = []

  async function work() {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const result = await run(file)
      results.push(result)
      durations[file] = Math.round(result.ms)
      onResult(result)
    }
  }

  await Promise.all(Array.from({ length: jobs }, work))
  writeDurations(durations)
  return results
}

/** @returns {Record<string, number>} */
function readDurations() {
  try {
    return JSON.parse(readFileSync(durationsFile, 'utf8'))
  } catch {
    return {}
  }
}

/** @param {Record<string, number>} durations */
function writeDurations(durations) {
  mkdirSync(dirname(durationsFile), { recursive: true })
  writeFileSync(durationsFile, JSON.stringify(durations, null, 1))
}
