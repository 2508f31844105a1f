import { setTimeout as delay } from 'node:timers/promises'

/** Time after which a request that was never accepted is given up (milliseconds). */
const patienceMs = 120_000
/** Pause before a request is repeated that got no response (milliseconds). */
const pauseMs = 200

/**
 * @typedef {import('./http.js').Exchange} Exchange
 * @typedef {import('./recorder.js').Expectation} Expectation
 */

/**
 * Creates functions that send requests and record their responses.
 *
 * @param {() => import('./recorder.js').Recorder} recorder the present one
 */
export function createSender(recorder) {
  const repetitions = { count: 0, givenUp: /** @type {string[]} */ ([]) }

  /**
   * Sends a request once.
   *
   * @param {Expectation} expectation
   * @param {() => Promise<Exchange>} send
   * @param {number} dueAt
   */
  async function once(expectation, send, dueAt) {
    const exchange = await send()
    recorder().add(expectation, exchange, dueAt)
    return exchange
  }

  /**
   * Sends a request until it is accepted. After a 401 that the client expects it has another token.
   *
   * @param {Omit<Expectation, 'isRepeated'>} expectation
   * @param {() => Promise<Exchange>} send
   * @param {number} dueAt
   * @returns {Promise<Exchange | undefined>} nothing if it was given up
   */
  async function untilAccepted(expectation, send, dueAt) {
    const deadline = performance.now() + patienceMs
    for (let sentAt = dueAt; performance.now() < deadline; sentAt = performance.now()) {
      const exchange = await once({ ...expectation, isRepeated: true }, send, sentAt)
      if (expectation.accepts(exchange) && exchange.status !== 401) return exchange
      repetitions.count += 1
      await delay(Number(exchange.headers['retry-after'] ?? 0) * 1000 || pauseMs)
    }
    repetitions.givenUp.push(expectation.kind)
    return undefined
  }

  return { once, untilAccepted, repetitions }
}

/** @typedef {ReturnType<typeof createSender>} Sender */
