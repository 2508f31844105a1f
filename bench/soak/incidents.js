import { setTimeout as delay } from 'node:timers/promises'
import { runCommand } from '../lib/service.js'

/**
 * @typedef {{ what: import('./plan.js').Incident, from: number, to: number, failure: string | undefined }} PastIncident times in seconds since
 * the load began
 *
 * @typedef {object} Stage where incidents happen
 * @property {import('./database.js').SoakDatabase} database
 * @property {Record<string, string>} keySettings settings of keys, which the commands and the service share
 * @property {Awaited<ReturnType<typeof import('./replicas.js').startReplicas>>} fleet
 * @property {ReturnType<typeof import('./monitor.js').watchReplicas>} monitor
 * @property {import('./recorder.js').Recorder} recorder
 */

/**
 * Makes the incidents of a plan happen at their times, or as soon as the one before has ended.
 *
 * @param {import('./plan.js').Plan} plan
 * @param {Stage} stage
 */
export async function makeIncidents({ incidents }, stage) {
  const { now } = stage.recorder
  /** @type {PastIncident[]} */
  const past = []
  for (const { at, what, isLast } of incidents) {
    await delay(Math.max(0, (at - now()) * 1000))
    const from = now()
    const failure = await happen(what, isLast, stage).then(
      () => undefined,
      (/** @type {Error} */ error) => error.message,
    )
    past.push({ what, from, to: now(), failure })
    console.error(
      `${Math.round(now())} s: ${what}, in ${(now() - from).toFixed(1)} s${failure ? `: ${failure}` : ''}`,
    )
  }
  return past
}

/**
 * @param {import('./plan.js').Incident} what
 * @param {boolean} isLast
 * @param {Stage} stage
 */
async function happen(what, isLast, { database, keySettings, fleet, monitor, recorder }) {
  if (what === 'rolling restart')
    await fleet.restart({ includesSteady: isLast, beforeEach: (replica) => monitor.scrape(replica) })
  else if (what === 'keys rotated') await runCommand(database.url, ['keys', 'rotate'], keySettings)
  else {
    const outage = { from: recorder.now(), to: Number.POSITIVE_INFINITY }
    recorder.outages.push(outage)
    await database.restart()
    outage.to = recorder.now()
  }
}
