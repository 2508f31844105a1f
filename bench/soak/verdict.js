import { judgeReplaced, judgeSteady } from './memory.js'
import { totalOf } from './monitor.js'

/** Number of replaced processes below which their memory shows no trend. */
const fewest = 9

/**
 * @typedef {{ what: string, wanted: string, measured: string, met: boolean }} Requirement
 *
 * @typedef {object} Observations everything that a run has observed
 * @property {import('./plan.js').Plan} plan
 * @property {import('./load.js').Outcome} load
 * @property {ReturnType<import('./recorder.js').Recorder['finish']>} responses
 * @property {number} unexplainedBefore responses during the measurement of the capacity
 * @property {{ count: number, givenUp: string[] }} repetitions
 * @property {Awaited<ReturnType<import('./ledger.js').Ledger['compare']>> & { storedUnseen: number }} items
 * @property {Awaited<ReturnType<typeof import('./webhooks.js').compareWithEvents>>} events
 * @property {{ messages: number, repeated: number, forged: number }} messages
 * @property {{ exports: number, spans: number }} traces
 * @property {string[]} keys ids of the keys that signed access tokens
 * @property {import('./incidents.js').PastIncident[]} incidents
 * @property {import('./monitor.js').Life[]} lives
 * @property {import('./replicas.js').End[]} ends
 */

/**
 * Judges a run.
 *
 * @param {Observations} observed
 * @returns {Requirement[]}
 */
export function judge(observed) {
  return [
    ...judgeWrites(observed),
    ...judgeResponses(observed),
    ...judgeMemory(observed),
    ...judgeRest(observed),
  ]
}

/** @param {Observations} observed */
function judgeWrites({ items, repetitions }) {
  return [
    none('acknowledged items that are not in the database', items.lost),
    none('items that are there more than once', items.repeated),
    none('items that are there and were not acknowledged', items.unknown),
    none('requests that were repeated for two minutes in vain', repetitions.givenUp),
  ]
}

/** @param {Observations} observed */
function judgeResponses({ responses, unexplainedBefore, lives }) {
  return [
    noneOf('unexplained responses', responses.totals.unexplained),
    noneOf('unexplained responses while the capacity was measured', unexplainedBefore),
    noneOf(
      'internal errors by the metrics',
      totalOf(lives, /^latchkey_error_responses_total\{code="internal_error"\}/),
    ),
  ]
}

/** @param {Observations} observed */
function judgeMemory({ lives }) {
  const steady = lives.filter(({ isSteady, generation }) => isSteady && generation === 1)
  const replaced = lives.filter(
    (life) =>
      !life.isSteady &&
      lives.some((later) => later.replica === life.replica && later.generation > life.generation),
  )
  return [
    ...steady
      .map(judgeSteady)
      .flatMap(({ heap, rss }) => [
        flat('heap of the process that was not restarted', heap),
        flat('resident memory of the process that was not restarted', rss),
      ]),
    ...(replaced.length < fewest
      ? []
      : [flat('resident memory of the processes that were replaced', judgeReplaced(replaced))]),
  ]
}

/** @param {Observations} observed */
function judgeRest({ incidents, events, messages, traces, keys, ends }) {
  const rotations = incidents.filter(({ what }) => what === 'keys rotated').length
  return [
    none('audit events without their webhook message', events.missing),
    none('audit events with too many messages', events.excessive),
    none('messages without an audit event', events.unknown),
    noneOf('messages with a wrong signature', messages.forged),
    none(
      'restarts and rotations that failed',
      incidents.filter(({ failure }) => failure !== undefined),
    ),
    none(
      'processes that ended by themselves, or not with status 0',
      ends.filter(({ status, isByItself }) => status !== 0 || isByItself),
    ),
    atLeast('keys that signed tokens', keys.length, 1 + rotations),
    atLeast('spans received', traces.spans, 1),
    atLeast('audit events recorded', events.recorded, 1),
  ]
}

/**
 * @param {string} what
 * @param {unknown[]} found
 */
function none(what, found) {
  return noneOf(what, found.length)
}

/**
 * @param {string} what
 * @param {number} count
 * @returns {Requirement}
 */
function noneOf(what, count) {
  return { what, wanted: '0', measured: String(count), met: count === 0 }
}

/**
 * @param {string} what
 * @param {number} count
 * @param {number} minimum
 * @returns {Requirement}
 */
function atLeast(what, count, minimum) {
  return { what, wanted: `≥ ${minimum}`, measured: count.toLocaleString('en'), met: count >= minimum }
}

/**
 * @param {string} what
 * @param {import('./memory.js').Trend} trend
 * @returns {Requirement}
 */
function flat(what, { before, after, growth, isFlat }) {
  const change = `${growth < 0 ? '−' : '+'}${Math.abs(growth * 100).toFixed(1)}%`
  const measured = `${before.toFixed(1)} → ${after.toFixed(1)} MB, ${change}`
  return { what, wanted: '≤ +10%', measured, met: isFlat }
}
