import { attempt, failures } from './lib/attempt.js'
import { setUpEnvironment } from './lib/environment.js'
import { evaluateGoals } from './lib/goals.js'
import { currentCommit, describeMachine } from './lib/machine.js'
import { describeDisturbance, measureMachine, watchMachine } from './lib/machine-load.js'
import { print, summarize, write } from './lib/report.js'
import { measureInRounds } from './lib/rounds.js'
import { drawPage } from './page/index.js'
import { batching } from './scenarios/batching.js'
import { coherence } from './scenarios/coherence.js'
import { exportAll } from './scenarios/export.js'
import { floods } from './scenarios/floods.js'
import { items } from './scenarios/items.js'
import { memory } from './scenarios/memory.js'
import { pairs } from './scenarios/pairs.js'
import { peers } from './scenarios/peer.js'
import { peerReads } from './scenarios/peer-reads.js'
import { peerTokens } from './scenarios/peer-tokens.js'
import { reads } from './scenarios/reads.js'
import { scale } from './scenarios/scale.js'
import { start } from './scenarios/start.js'
import { statusLists, withoutStatus } from './scenarios/status-lists.js'
import { tokens } from './scenarios/tokens.js'

/** Time after which no further round starts (milliseconds). With the probes, a run then takes 15 minutes at most. */
const lastRoundMs = 560_000
/** Time after which no further probe starts (milliseconds). */
const lastProbeMs = 800_000
/** Time for which the machine is watched before anything starts (milliseconds). */
const quietMs = 2_000

/** Probes, the ones that need a quiet machine most first. */
const probes = [start, pairs, memory, coherence, statusLists, exportAll, scale]

/**
 * Measures everything that was chosen, prints and writes the results.
 *
 * @param {import('./lib/options.js').Options} options
 * @returns {Promise<number>} the exit status: 1 after a failure or an unexpected response, not after a missed goal
 */
export async function measureAll(options) {
  const began = performance.now()
  const { seconds, rounds, processes } = options
  const before = await measureMachine(quietMs)
  const environment = await setUpEnvironment(seconds, processes)
  const commit = currentCommit()
  const machine = await describeMachine(environment.database.sql)
  const scenarios = scenariosOf(environment, options)
  const isChosen = chooser(options.only, [...scenarios, ...probes])

  const isAfter = (/** @type {number} */ limit) => () => performance.now() - began > limit
  const { result, load: during } = await watchMachine(async () => ({
    results: await measureInRounds(scenarios.filter(isChosen), environment, rounds, isAfter(lastRoundMs)),
    probed: await runProbes(probes.filter(isChosen), environment, isAfter(lastProbeMs)),
  }))
  const { results, probed } = result

  const summary = summarize(results)
  const unexpected = Object.values(summary).reduce((sum, one) => sum + one.unexpected, probed.unexpected)
  const disturbance = describeDisturbance(before, during)
  const outcomes = evaluateGoals(results, summary, probed, disturbance)
  print(disturbance, summary, probed.facts, outcomes)
  const report = {
    date: new Date(),
    commit,
    machine,
    load: { before, during },
    only: options.only,
    seconds,
    rounds,
    processes,
    scenarios: summary,
    facts: probed.facts,
    goals: outcomes,
  }
  const file = await write(report, options.page)
  console.error(`${file}, after ${Math.round((performance.now() - began) / 1000)} s`)
  if (options.page) console.error(await drawPage(file))
  if (unexpected > 0) console.error(`${unexpected} responses were unexpected`)
  if (failures.length > 0) console.error(`failed: ${failures.join(', ')}`)
  return unexpected + failures.length > 0 ? 1 : 0
}

/**
 * @param {import('./lib/environment.js').Environment} environment
 * @param {import('./lib/options.js').Options} options
 */
function scenariosOf(environment, { peer, tokenPeer }) {
  return [
    ...reads(environment),
    ...batching(environment),
    ...tokens,
    withoutStatus(environment),
    ...items,
    ...floods,
    ...peerReads(environment),
    ...peerTokens(environment, tokenPeer),
    ...(peer ? peers(peer) : []),
  ]
}

/**
 * Runs each probe once, unless there is no time left.
 *
 * @param {import('./scenarios/scenario.js').Probe[]} chosen
 * @param {import('./lib/environment.js').Environment} environment
 * @param {() => boolean} isLate whether there is no time for another probe
 */
async function runProbes(chosen, environment, isLate) {
  /** @type {Record<string, number>} */
  const facts = {}
  /** @type {Record<string, string>} */
  const disturbed = {}
  let unexpected = 0
  for (const { name, probe } of chosen) {
    if (isLate()) {
      console.error(`no time left for: ${name}`)
      continue
    }
    console.error(`probing: ${name}`)
    const found = await attempt(name, () => probe(environment))
    Object.assign(facts, found?.facts)
    Object.assign(disturbed, found?.disturbed)
    unexpected += found?.unexpected ?? 0
  }
  return { facts, disturbed, unexpected }
}

/**
 * Returns a function that says whether `--only` selects something.
 *
 * @param {string[] | undefined} only
 * @param {{ name: string }[]} all
 * @returns {(one: { name: string }) => boolean}
 */
function chooser(only, all) {
  const known = all.map(({ name }) => name)
  const chosen = only ?? known
  const unknown = chosen.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`unknown name ${unknown}; the names are ${known.join(', ')}`)
  return ({ name }) => chosen.includes(name)
}
