import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describeQuietness } from './machine-load.js'
import { median } from './rounds.js'

/** @typedef {import('./rounds.js').Results} Results */

const resultsDirectory = join(import.meta.dirname, '../results')
/** Folder of the results that are neither of a whole run nor published. */
const trialsDirectory = join(import.meta.dirname, '../../node_modules/.cache/latchkey/results')

/** Returns the medians of the rounds of each scenario. @param {Results} results */
export function summarize(results) {
  return Object.fromEntries(
    [...results].map(([name, { title, rounds }]) => {
      const pick = (/** @type {'rate' | 'p50' | 'p99' | 'cpu' | 'databaseCpu' | 'memory'} */ key) =>
        median(rounds.flatMap((round) => round[key] ?? []))
      return [
        name,
        {
          title,
          rate: round(pick('rate')),
          rates: rounds.map(({ rate }) => round(rate)),
          p50: round(pick('p50')),
          p99: round(pick('p99')),
          cpu: round(pick('cpu')),
          databaseCpu: round(pick('databaseCpu')),
          memory: round(pick('memory')),
          unexpected: rounds.reduce((sum, { unexpected }) => sum + unexpected, 0),
          refused: rounds.reduce((sum, { refused = 0 }) => sum + refused, 0),
        },
      ]
    }),
  )
}

/**
 * Prints to standard output whether the machine was quiet, and tables.
 *
 * @param {string | undefined} disturbance why the machine was not quiet
 * @param {ReturnType<typeof summarize>} summary
 * @param {Record<string, number>} facts
 * @param {import('./goals.js').Outcome[]} outcomes
 */
export function print(disturbance, summary, facts, outcomes) {
  console.log(describeQuietness(disturbance))
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
function toRow({ title, rate, p50, p99, cpu, databaseCpu, memory, unexpected, refused }) {
  const row = {
    title,
    '1/s': rate,
    'CPU, µs': cpu,
    'PostgreSQL, µs': databaseCpu,
    'p50, ms': p50,
    'p99, ms': p99,
    'peak, MB': memory,
    unexpected,
    'refused logins': refused || undefined,
  }
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined))
}

/**
 * Writes the results to the file that `pathOfResults` names.
 *
 * @param {Parameters<typeof pathOfResults>[0] & { rounds: number }} report
 * @param {boolean} isPublished whether the page is drawn from it
 * @returns the path of the file
 */
export async function write(report, isPublished) {
  const path = pathOfResults(report, isPublished)
  await mkdir(dirname(path), { recursive: true })
  // The numbers of the rounds stay on one line, as the formatter expects.
  const json = JSON.stringify(report, null, 2).replace(/\[[\s\d.,]+\]/g, (list) =>
    list.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'),
  )
  await writeFile(path, `${json}\n`)
  return path
}

/**
 * Returns the path of the results: in bench/results, one for each day and commit, if the run was whole or is published. Other
 * runs are trials, each of which has a file of its own that is not committed.
 *
 * @param {{ date: Date, commit: string, only?: string[] | undefined }} report
 * @param {boolean} isPublished
 */
export function pathOfResults({ date, commit, only }, isPublished) {
  const time = date.toISOString()
  if (isPublished || only === undefined) return join(resultsDirectory, `${time.slice(0, 10)}-${commit}.json`)
  return join(trialsDirectory, `${time.replace(/[:.]/g, '-')}-${commit}.json`)
}

/** Formats a number with three significant digits. @param {number | undefined} value */
function round(value) {
  if (value === undefined) return undefined
  return value < 100 ? Number(value.toPrecision(3)) : Math.round(value)
}
