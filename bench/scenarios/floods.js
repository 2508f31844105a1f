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
      return duringLogins([{ url: environment.service.url, usernames, connections }], () =>
        measureRequests(environment, [request]),
      )
    },
  }
}

/**
 * Measures something during logins. Refused logins are counted apart, because a service protects its reads by them.
 *
 * @param {import('../lib/logins.js').LoginLoad[]} tasks
 * @param {() => Promise<import('./scenario.js').Measured>} measure
 * @returns {Promise<import('./scenario.js').Measured>}
 */
export async function duringLogins(tasks, measure) {
  const floods = tasks.map(startLogins)
  const stopAll = () => Promise.all(floods.map(({ stop }) => stop()))
  await delay(settleMs)
  const measured = await measure().finally(stopAll)
  const logins = await stopAll()
  // The CPU time is that of the logins, too.
  const { cpu: _, databaseCpu: __, ...reads } = measured
  return {
    ...reads,
    unexpected: logins.reduce((sum, { unexpected }) => sum + unexpected, reads.unexpected),
    refused: logins.reduce((sum, { refused }) => sum + refused, 0),
  }
}
