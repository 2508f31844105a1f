import { setTimeout as delay } from 'node:timers/promises'

/**
 * @typedef {object} LoginLoad load of logins
 * @property {string} url
 * @property {string[]} usernames users whose password is `secret`
 * @property {number} connections number of connections that log in without pause
 */

/** Status by which a service says that it has too many logins at once. */
const overloaded = 503

/**
 * Logs in for a number of seconds. A login that was refused is unexpected, since there are no more of them than a service takes.
 *
 * @param {LoginLoad & { seconds: number }} task
 * @returns {Promise<import('./load.js').Measured>}
 */
export async function measureLogins({ seconds, ...task }) {
  const flood = startLogins(task)
  await delay(seconds * 1000)
  const { refused, ...measured } = await flood.stop()
  return { ...measured, unexpected: measured.unexpected + refused }
}

/**
 * Starts logging in, until it is stopped.
 *
 * A login takes long enough for the end of the measurement to matter. Every login that was started counts, and the time ends
 * with the last response.
 *
 * @param {LoginLoad} task
 */
export function startLogins({ url, usernames, connections }) {
  const beganAt = performance.now()
  /** @type {number[]} */
  const times = []
  let unexpected = 0
  let refused = 0
  let isOver = false

  /** @param {number} first */
  async function keepLoggingIn(first) {
    for (let turn = first; !isOver; turn += connections) {
      const sentAt = performance.now()
      const status = await logIn(url, usernames[turn % usernames.length] ?? '')
      times.push(performance.now() - sentAt)
      if (status === overloaded) refused += 1
      else if (status !== 200) unexpected += 1
    }
  }

  const running = Array.from({ length: connections }, (_, first) => keepLoggingIn(first))
  return {
    /** @returns {Promise<import('./load.js').Measured & { refused: number }>} */
    async stop() {
      isOver = true
      await Promise.all(running)
      const rate = times.length / ((performance.now() - beganAt) / 1000)
      times.sort((one, other) => one - other)
      return {
        rate,
        requests: times.length,
        p50: quantile(times, 0.5),
        p99: quantile(times, 0.99),
        unexpected,
        refused,
      }
    },
  }
}

/**
 * @param {string} url
 * @param {string} username
 * @returns the status, or 0 if there was no response
 */
async function logIn(url, username) {
  try {
    const body = new URLSearchParams({ username, password: 'secret' })
    const response = await fetch(`${url}/token`, { method: 'POST', body })
    await response.arrayBuffer()
    return response.status
  } catch {
    return 0
  }
}

/**
 * @param {number[]} sorted
 * @param {number} fraction
 */
function quantile(sorted, fraction) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN
}
