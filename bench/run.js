import { parseArgs } from 'node:util'
import { attempt, failures } from './lib/attempt.js'
import { endAll, endOnSignals } from './lib/cleanup.js'
import { judge } from './lib/goals.js'
import { currentCommit, describeMachine } from './lib/machine.js'
import { print, summarize, write } from './lib/report.js'
import { measureInRounds } from './lib/rounds.js'
import { openWorld } from './lib/world.js'
import { coherence } from './scenarios/coherence.js'
import { exportAll } from './scenarios/export.js'
import { floods } from './scenarios/floods.js'
import { items } from './scenarios/items.js'
import { memory } from './scenarios/memory.js'
import { peers } from './scenarios/peer.js'
import { reads } from './scenarios/reads.js'
import { scale } from './scenarios/scale.js'
import { start } from './scenarios/start.js'
import { tokens } from './scenarios/tokens.js'

// Measures the service as it is built: npm run bench. See the README in this folder.

const usage = `npm run bench -- [options]
  --only NAME[,NAME]  measures only these; each name is that of a scenario
  --rounds N          how often each scenario is measured (3)
  --seconds S         how long a measurement takes, in whole seconds (3)
  --peer URL          compares with another server: POST /token, GET /users/me/, GET /users/me/items/, johndoe/secret
  --help`

/** All of it takes ten minutes at most: no round and nothing else begins later than this. */
const [lastRoundMs, lastInquiryMs] = [330_000, 530_000]

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

/** @returns the exit status: goals that are missed are no failure, answers that nobody expects are one */
async function bench() {
  const began = performance.now()
  const [seconds, rounds] = [readCount(options.seconds), readCount(options.rounds)]
  const world = await openWorld(seconds)
  const [commit, machine] = [currentCommit(), await describeMachine(world.database.sql)]
  const against = options.peer ? peers(new URL(options.peer).origin) : []
  const allScenarios = [...reads(world), ...tokens(world), ...items, ...floods, ...against]
  const allInquiries = [start, memory, coherence, exportAll, scale]
  const isChosen = chooser([...allScenarios, ...allInquiries])
  const [scenarios, inquiries] = [allScenarios.filter(isChosen), allInquiries.filter(isChosen)]

  const isAfter = (/** @type {number} */ limit) => () => performance.now() - began > limit
  const results = await measureInRounds(scenarios, world, rounds, isAfter(lastRoundMs))
  let unexpected = 0
  /** @type {Record<string, number>} */
  const facts = {}
  for (const { name, inquire } of inquiries) {
    if (isAfter(lastInquiryMs)()) {
      console.error(`no time left for: ${name}`)
      continue
    }
    console.error(`finding out: ${name}`)
    const found = await attempt(name, () => inquire(world))
    Object.assign(facts, found?.facts)
    unexpected += found?.unexpected ?? 0
  }

  const summary = summarize(results)
  for (const scenario of Object.values(summary)) unexpected += scenario.unexpected
  const outcomes = judge(results, summary, facts)
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
  if (unexpected > 0) console.error(`${unexpected} answers were not what they should be`)
  if (failures.length > 0) console.error(`failed: ${failures.join(', ')}`)
  return unexpected + failures.length > 0 ? 1 : 0
}

/**
 * Whether `--only` lets something be measured.
 *
 * @param {{ name: string }[]} all
 * @returns {(one: { name: string }) => boolean}
 */
function chooser(all) {
  const known = all.map(({ name }) => name)
  const chosen = options.only?.split(',') ?? known
  const unknown = chosen.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`there is no ${unknown}, only ${known.join(', ')}`)
  return ({ name }) => chosen.includes(name)
}

/** @param {string} text */
function readCount(text) {
  const count = Number(text)
  if (!Number.isInteger(count) || count < 1) throw new Error(`${text} is no number of rounds or seconds`)
  return count
}
