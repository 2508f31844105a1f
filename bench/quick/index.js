import { attempt, failures } from '../lib/attempt.js'
import { setUpEnvironment } from '../lib/environment.js'
import { loadGenerator } from '../lib/load.js'
import { currentCommit, describeMachine } from '../lib/machine.js'
import { describeDisturbance, measureMachine, watchMachine } from '../lib/machine-load.js'
import { measureInRounds } from '../lib/rounds.js'
import { reads } from '../scenarios/reads.js'
import { tokens } from '../scenarios/tokens.js'
import { readBaseline, writeBaseline } from './baseline.js'
import { countInstructions } from './instructions.js'
import { findInstructionMoves, findMoves } from './moves.js'
import { against, toRatios } from './ratios.js'

// Compares the service with a committed baseline in a minute: npm run bench -- --quick.

const rounds = 5
const seconds = 1
const quietMs = 1_000
const measuredNames = new Set(Object.entries(against).flat())
/** Exit status if nothing became worse, but the ratios could not be judged. */
const notJudged = 2
/** Version and architecture, of which the numbers of instructions depend. */
const runtime = `Node.js ${process.version} ${process.arch}`

/**
 * Measures, names what differs from the baseline, and says which way. Ratios are not judged, nor written, while others use the
 * machine; numbers of instructions are.
 *
 * @param {import('../lib/options.js').Options} options
 * @returns {Promise<number>} the exit status: 1 if something became worse or failed, otherwise 2 if ratios were not judged
 */
export async function compareWithBaseline({ writesBaseline }) {
  const before = await measureMachine(quietMs)
  // Counting takes time of one core, but does not depend on it.
  const [environment, instructions] = await Promise.all([
    setUpEnvironment(seconds),
    attempt('instructions', countInstructions),
  ])
  const scenarios = [...reads(environment), ...tokens].filter(({ name }) => measuredNames.has(name))
  const { result, load } = await watchMachine(() =>
    measureInRounds(scenarios, environment, rounds, () => false),
  )
  const disturbance = describeDisturbance(before, load)
  const ratios = toRatios(result)
  console.table(ratios)
  if (instructions) console.table(instructions)
  const status = writesBaseline
    ? await write(environment, disturbance === undefined ? ratios : undefined, instructions)
    : await compareAll(disturbance === undefined ? ratios : {}, instructions)
  if (disturbance === undefined) return status
  console.error(`the ratios do not count: ${disturbance}`)
  return status || notJudged
}

/**
 * @param {Record<string, import('./ratios.js').Ratio>} ratios
 * @param {Record<string, number> | undefined} instructions
 */
async function compareAll(ratios, instructions) {
  const baseline = await readBaseline()
  const { name: generator } = await loadGenerator()
  const knownRatios = baseline.ratios[generator]?.scenarios
  const knownInstructions = baseline.instructions[runtime]
  if (!knownRatios) console.error(`skipped: there is no baseline for ${generator}`)
  if (instructions && !knownInstructions) console.error(`skipped: there is no baseline for ${runtime}`)
  const moves = [
    ...findMoves(knownRatios ?? {}, ratios),
    ...findInstructionMoves(knownInstructions ?? {}, instructions ?? {}),
  ]
  if (moves.length > 0) console.table(moves)
  else console.error('nothing that counts has moved')
  return moves.some(({ isWorse }) => isWorse) ? 1 : statusOfFailures()
}

/**
 * @param {import('../lib/environment.js').Environment} environment
 * @param {Record<string, import('./ratios.js').Ratio> | undefined} scenarios
 * @param {Record<string, number> | undefined} counts
 */
async function write({ database }, scenarios, counts) {
  const { ratios, instructions } = await readBaseline()
  if (scenarios) {
    const date = new Date().toISOString().slice(0, 10)
    const machine = await describeMachine(database.sql)
    ratios[(await loadGenerator()).name] = { date, commit: currentCommit(), machine, scenarios }
  }
  if (counts) instructions[runtime] = counts
  console.error(await writeBaseline({ ratios, instructions }))
  return statusOfFailures()
}

function statusOfFailures() {
  return failures.length > 0 ? 1 : 0
}
