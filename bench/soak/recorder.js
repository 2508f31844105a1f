import { createTimeline } from './timeline.js'

/** Maximum number of unexplained responses that are kept as they were. */
const limit = 50
/** Maximum length of the text of such a response that is kept (characters). */
const maxText = 300
/** Time after a restart of PostgreSQL in which 503 is explained, because the replicas connect again (seconds). */
const recoverySeconds = 5

const outcomes = /** @type {const} */ (['ok', 'refused', 'unavailable', 'cut off', 'unexplained'])

/**
 * @typedef {typeof outcomes[number]} Outcome `refused` is a 401 that the client expects, `unavailable` a 503 with Retry-After while
 * PostgreSQL restarts, and `cut off` no response to a request that the client repeats
 * @typedef {import('./http.js').Exchange} Exchange
 *
 * @typedef {object} Expectation
 * @property {string} kind of the request
 * @property {(exchange: Exchange) => boolean} accepts whether a response is the one that the client expects
 * @property {boolean} [isRepeated] whether the client repeats the request until it is accepted
 */

/**
 * Creates a record of all responses.
 *
 * @param {number} seconds duration of the load
 */
export function createRecorder(seconds) {
  const timeline = createTimeline(seconds, outcomes)
  const totals = { ok: 0, refused: 0, unavailable: 0, 'cut off': 0, unexplained: 0 }
  /** Numbers of responses by kind, and by status and code. @type {Map<string, Map<string, number>>} */
  const kinds = new Map()
  /** @type {{ at: number, kind: string, status: number, text: string }[]} */
  const unexplained = []
  /** Restarts of PostgreSQL (seconds since the beginning). @type {{ from: number, to: number }[]} */
  const outages = []
  const beganAt = performance.now()

  const now = () => (performance.now() - beganAt) / 1000

  /**
   * @param {Expectation} expectation
   * @param {Exchange} exchange
   * @param {number} from when the request was sent
   * @returns {Outcome}
   */
  function classify({ accepts, isRepeated = false }, exchange, from) {
    const { status, headers } = exchange
    if (accepts(exchange)) return status === 401 ? 'refused' : 'ok'
    if (status === 0 && isRepeated) return 'cut off'
    const asksToRepeat = status === 503 && /^\d+$/.test(String(headers['retry-after']))
    const isInOutage = outages.some((outage) => from <= outage.to + recoverySeconds && now() >= outage.from)
    return asksToRepeat && isInOutage ? 'unavailable' : 'unexplained'
  }

  return {
    now,
    outages,

    /**
     * Counts a response that has just arrived.
     *
     * @param {Expectation} expectation
     * @param {Exchange} exchange
     * @param {number} sentAt time at which the request was sent, or should have been (`performance.now()`)
     */
    add(expectation, exchange, sentAt) {
      const { kind } = expectation
      const outcome = classify(expectation, exchange, (sentAt - beganAt) / 1000)
      timeline.add(outcome, now(), performance.now() - sentAt)
      totals[outcome] += 1
      const label = [exchange.status || 'no response', exchange.body.code].filter(Boolean).join(' ')
      const counts = kinds.get(kind) ?? new Map()
      kinds.set(kind, counts.set(label, (counts.get(label) ?? 0) + 1))
      if (outcome !== 'unexplained') return
      const text = exchange.text.slice(0, maxText)
      console.error(`unexplained: ${kind}: ${exchange.status} ${text}`)
      if (unexplained.length < limit)
        unexplained.push({ at: Math.round(now()), kind, status: exchange.status, text })
    },

    /** Ends the record. */
    finish() {
      const responses = Object.fromEntries(
        [...kinds].map(([kind, counts]) => [kind, Object.fromEntries(counts)]),
      )
      return { ...timeline.finish(), totals, responses, unexplained }
    },
  }
}

/** @typedef {ReturnType<typeof createRecorder>} Recorder */
