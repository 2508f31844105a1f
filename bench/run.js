import { parseArgs } from 'node:util'
import { attempt, failures } from './lib/attempt.js'
import { endAll, endOnSignals } from './lib/cleanup.js'
import { setUpEnvironment } from './lib/environment.js'
import { evaluateGoals } from './lib/goals.js'
import { currentCommit, describeMachine } from './lib/machine.js'
import { print, summarize, write } from './lib/report.js'
import { measureInRounds } from './lib/rounds.js'
import { coherence } from './scenarios/coherence.js'
import { exportAll } from './scenarios/export.js'
import { floods } from './scenarios/floods.js'
import { items } from './scenarios/items.js'
import { memory } from './scenarios/memory.js'
import { peers } from './scenarios/peer.js'
import { reads } from './scenarios/reads.js'
import { scale } from './scenarios/scale.js'
import { start } from './scenarios/start.js'
import { statusLists, withoutStatus } from './scenarios/status-lists.js'
import { tokens } from './scenarios/tokens.js'

// Measures the built service: npm run bench. See README.md in this folder.

const usage = `npm run bench -- [options]
  --only NAME[,NAME]  measures only these; an unknown name lists all names
  --rounds N          number of rounds (3)
  --seconds S         duration of a measurement, in whole seconds (3)
  --peer URL          compares with another server: POST /token, GET /users/me/, GET /users/me/items/, johndoe/secret
  --help`

/** Time after which no further round starts (milliseconds). With the probes, a run then takes ten minutes at most. */
const lastRoundMs = 330_000
/** Time after which no further probe starts (milliseconds). */
const lastProbeMs = 530_000

const { values: options } = parseArgs({
  options: {
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '3' },
    peer: { type: 'string' },
    help: { type: 'boolean' },
  },
})

if (options.help) console.log(usage)
else {
  endOnSignals()
  try {
    process.exitCode = await bench()
  } finally {
    await endAll()
  }
}

/** @returns the exit status: 1 after a failure or an unexpected response, not after a missed goal */
async function bench() {
  const began = performance.now()
  const seconds = readCount(options.seconds)
  const rounds = readCount(options.rounds)
  const environment = await setUpEnvironment(seconds)
  const commit = currentCommit()
  const machine = await describeMachine(environment.database.sql)
  const against = options.peer ? peers(new URL(options.peer).origin) : []
  const allScenarios = [
    ...reads(environment),
    ...tokens(environment),
    withoutStatus(environment),
    ...items,
    ...floods,
    ...against,
  ]
  const allProbes = [start, memory, coherence, statusLists, exportAll, scale]
  const isChosen = chooser([...allScenarios, ...allProbes])
  const scenarios = allScenarios.filter(isChosen)
  const probes = allProbes.filter(isChosen)

  const isAfter = (/** @type {number} */ limit) => () => performance.now() - began > limit
  const results = await measureInRounds(scenarios, environment, rounds, isAfter(lastRoundMs))
  const probed = await runProbes(probes, environment, isAfter(lastProbeMs))
  const { facts } = probed

  const summary = summarize(results)
  const unexpected = Object.values(summary).reduce((sum, one) => sum + one.unexpected, probed.unexpected)
  const outcomes = evaluateGoals(results, summary, facts)
  print(summary, facts, outcomes)
  const report = {
    date: new Date(),
    commit,
    machine,
    seconds,
    rounds,
    scenarios: summary,
    facts,
    goals: outcomes,
  }
  console.error(`${await write(report, commit)}, after ${Math.round((performance.now() - began) / 1000)} s`)
  if (unexpected > 0) console.error(`${unexpected} responses were unexpected`)
  if (failures.length > 0) console.error(`failed: ${failures.join(', ')}`)
  return unexpected + failures.length > 0 ? 1 : 0
}

/**
 * Runs each probe once, unless there is no time left.
 *
 * @param {import('./scenarios/scenario.js').Probe[]} probes
 * @param {import('./lib/environment.js').Environment} environment
 * @param {() => boolean} isLate whether there is no time for another probe
 */
async function runProbes(probes, environment, isLate) {
  /** @type {Record<string, number>} */
  const facts = {}
  let unexpected = 0
  for (const { name, probe } of probes) {
    if (isLate()) {
      console.error(`no time left for: ${name}`)
      continue
    }
    console.error(`probing: ${name}`)
    const found = await attempt(name, () => probe(environment))
    Object.assign(facts, found?.facts)
    unexpected += found?.unexpected ?? 0
  }
  return { facts, unexpected }
}

/**
 * Returns a function that says whether `--only` selects something.
 *
 * @param {{ name: string }[]} all
 * @returns {(one: { name: string }) => boolean}
 */
function chooser(all) {
  const known = all.map(({ name }) => name)
  const chosen = options.only?.split(',') ?? known
  const unknown = chosen.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`unknown name ${unknown}; the names are ${known.join(', ')}`)
  return ({ name }) => chosen.includes(name)
}

/** @param {string} text */
function readCount(text) {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1)
    throw new Error(`${text} is not a valid number of rounds or seconds`)
  return count
}
