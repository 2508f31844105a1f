import { setTimeout as delay } from 'node:timers/promises'
import { startLogins } from '../lib/logins.js'
import { get, measureRequests } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */

/** Time until the first passwords are being hashed (milliseconds). */
const settleMs = 300

/** Scenarios of reads during logins. @type {Scenario[]} */
export const floods = [
  readsDuringLogins(1, 'one connection logs in'),
  readsDuringLogins(16, '16 connections log in'),
]

/**
 * @param {number} connections
 * @param {string} what
 * @returns {Scenario}
 */
function readsDuringLogins(connections, what) {
  return {
    name: `me-during-${connections}`,
    title: `GET /users/me/ while ${what}`,
    async measure(environment) {
      const usernames = (await environment.users()).slice(0, connections).map(({ username }) => username)
      const request = get('/users/me/', await environment.token())
      return duringLogins({ url: environment.service.url, usernames, connections }, () =>
        measureRequests(environment, [request]),
      )
    },
  }
}

/**
 * Measures something during logins.
 *
 * @param {import('../lib/logins.js').LoginLoad} task
 * @param {() => Promise<import('./scenario.js').Measured>} measure
 */
export async function duringLogins(task, measure) {
  const flood = startLogins(task)
  await delay(settleMs)
  const measured = await measure().finally(flood.stop)
  const { unexpected } = await flood.stop()
  return { ...measured, unexpected: measured.unexpected + unexpected }
}
