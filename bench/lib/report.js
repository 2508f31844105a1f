import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { median } from './rounds.js'

/** @typedef {import('./rounds.js').Results} Results */

const directory = join(import.meta.dirname, '../results')

/** Returns the medians of the rounds of each scenario. @param {Results} results */
export function summarize(results) {
  return Object.fromEntries(
    [...results].map(([name, { title, rounds }]) => {
      const pick = (/** @type {'rate' | 'p50' | 'p99' | 'memory'} */ key) =>
        median(rounds.flatMap((round) => round[key] ?? []))
      return [
        name,
        {
          title,
          rate: round(pick('rate')),
          rates: rounds.map(({ rate }) => round(rate)),
          p50: round(pick('p50')),
          p99: round(pick('p99')),
          memory: round(pick('memory')),
          unexpected: rounds.reduce((sum, { unexpected }) => sum + unexpected, 0),
        },
      ]
    }),
  )
}

/**
 * Prints tables to standard output.
 *
 * @param {ReturnType<typeof summarize>} summary
 * @param {Record<string, number>} facts
 * @param {import('./goals.js').Outcome[]} outcomes
 */
export function print(summary, facts, outcomes) {
  if (Object.keys(summary).length > 0) console.table(Object.values(summary).map(toRow))
  if (Object.keys(facts).length > 0)
    console.table(Object.entries(facts).map(([fact, value]) => ({ fact, value: round(value) })))
  if (outcomes.length > 0) console.table(outcomes)
}

/**
 * Cells without a measurement stay empty.
 *
 * @param {ReturnType<typeof summarize>[string]} scenario
 */
function toRow({ title, rate, p50, p99, memory, unexpected }) {
  const row = { title, '1/s': rate, 'p50, ms': p50, 'p99, ms': p99, 'peak, MB': memory, unexpected }
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined))
}

/**
 * Writes the results to a file in bench/results.
 *
 * @param {object} report
 * @param {string} commit
 * @returns the path of the file
 */
export async function write(report, commit) {
  await mkdir(directory, { recursive: true })
  const path = join(directory, `${new Date().toISOString().slice(0, 10)}-${commit}.json`)
  // The numbers of the rounds stay on one line, as the formatter expects.
  const json = JSON.stringify(report, null, 2).replace(/\[[\s\d.,]+\]/g, (list) =>
    list.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  )
  await writeFile(path, `${json}\n`)
  return path
}

/** Formats a number with three significant digits. @param {number | undefined} value */
function round(value) {
  if (value === undefined) return undefined
  return value < 100 ? Number(value.toPrecision(3)) : Math.round(value)
}
