import { setTimeout as delay } from 'node:timers/promises'
import { startLogIns } from '../lib/log-ins.js'
import { get, measureRequests } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */

/** Until the first passwords are being hashed (milliseconds). */
const settleMs = 300

/** Reads while others log in. @type {Scenario[]} */
export const floods = [
  duringLogInsOf(1, 'one connection logs in'),
  duringLogInsOf(16, '16 connections log in'),
]

/**
 * @param {number} connections
 * @param {string} what
 * @returns {Scenario}
 */
function duringLogInsOf(connections, what) {
  return {
    name: `me-during-${connections}`,
    title: `GET /users/me/ while ${what}`,
    async measure(world) {
      const usernames = (await world.users()).slice(0, connections).map(({ username }) => username)
      const request = get('/users/me/', await world.token())
      return duringLogIns({ url: world.service.url, usernames, connections }, () =>
        measureRequests(world, [request]),
      )
    },
  }
}

/**
 * Measures something while others log in.
 *
 * @param {import('../lib/log-ins.js').LogIns} task
 * @param {() => Promise<import('./scenario.js').Measured>} measure
 */
export async function duringLogIns(task, measure) {
  const flood = startLogIns(task)
  await delay(settleMs)
  const measured = await measure().finally(flood.stop)
  const { unexpected } = await flood.stop()
  return { ...measured, unexpected: measured.unexpected + unexpected }
}
