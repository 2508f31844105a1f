import { execFileSync } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { totalOf } from './monitor.js'
import { drawMemory, drawRequests, drawResponseTimes } from './page/charts.js'
import { writePage } from './page/text.js'

const root = join(import.meta.dirname, '../..')
const resultsFolder = join(root, 'bench/results')
/** Folder of the results of runs that were shorter than a whole one. */
const trialsFolder = join(root, 'node_modules/.cache/latchkey/results/soak')
/** Length of a whole run (minutes). */
const wholeMinutes = 30
const biome = join(root, 'node_modules/.bin/biome')

/**
 * @typedef {import('../lib/machine-load.js').MachineLoad} MachineLoad
 *
 * @typedef {object} Surroundings what the page shows beside what was observed
 * @property {string} commit
 * @property {Record<string, string | number>} machine
 * @property {{ before: MachineLoad | undefined, during: MachineLoad | undefined }} machineLoad
 * @property {number} capacity operations per second in a closed loop
 * @property {number} failedScrapes
 * @property {Map<string, number>} warnings
 *
 * @typedef {import('./verdict.js').Observations & Surroundings} Run
 * @typedef {ReturnType<typeof toReport>} Report the file of a run
 */

/**
 * Writes the results of a run: to bench/results/ with their page, if it was a whole one.
 *
 * @param {Run} run
 * @param {import('./verdict.js').Requirement[]} requirements
 * @returns the path of the page
 */
export async function publish(run, requirements) {
  const report = toReport(run, requirements)
  const folder = run.plan.minutes >= wholeMinutes ? resultsFolder : trialsFolder
  await mkdir(folder, { recursive: true })
  const file = join(folder, `${report.date.slice(0, 10)}-soak-${report.commit}.json`)
  await writeFile(file, formatted(JSON.stringify(report)))
  return drawPage(file)
}

/**
 * Draws the page of a run beside its results.
 *
 * @param {string} file results of the run
 * @returns the path of the page
 */
export async function drawPage(file) {
  /** @type {Report} */
  const report = JSON.parse(await readFile(file, 'utf8'))
  const page = join(dirname(file), 'soak.md')
  const files = {
    'soak-requests.svg': drawRequests(report),
    'soak-response-times.svg': drawResponseTimes(report),
    'soak-memory.svg': drawMemory(report),
  }
  for (const [name, plot] of Object.entries(files)) await writeFile(join(dirname(file), name), plot)
  await writeFile(page, writePage(report, basename(file)))
  return page
}

/**
 * @param {Run} run
 * @param {import('./verdict.js').Requirement[]} requirements
 */
function toReport({ plan, lives, items, events, warnings, incidents, ...rest }, requirements) {
  const { acknowledged, storedUnseen } = items
  return {
    date: new Date().toISOString(),
    minutes: plan.minutes,
    ...rest,
    counts: {
      acknowledged,
      storedUnseen,
      recorded: events.recorded,
      // Without those after the last scrape of a process.
      requestsByMetrics: totalOf(lives, /^http_server_request_duration_seconds_count/),
    },
    requirements,
    incidents: incidents.map(({ what, from, to }) => ({ what, from: Math.round(from), to: Math.round(to) })),
    warnings: Object.fromEntries(warnings),
    lives: lives.map(({ samples: _, ...life }) => life),
  }
}

/** Returns JSON as the linter wants it. @param {string} json */
function formatted(json) {
  const args = ['format', '--stdin-file-path=bench/results/soak.json']
  return execFileSync(biome, args, { cwd: root, input: json, maxBuffer: 2 ** 26 })
}
