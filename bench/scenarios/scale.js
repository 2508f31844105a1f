import { load } from '../lib/load.js'
import { startPgbouncer } from '../lib/pgbouncer.js'
import { startService } from '../lib/service.js'
import { get } from './scenario.js'

/** @typedef {import('../lib/service.js').Service} Service */

const counts = [1, 2, 4]
const paths = ['/users/me/', '/users/me/items/']
const connections = 32
const warmUpSeconds = 1

/**
 * Measures several processes of the service, each with its own load generator, directly on PostgreSQL and through
 * PgBouncer.
 *
 * @type {import('./scenario.js').Probe}
 */
export const scale = {
  name: 'scale',
  async probe({ seconds, token, database: { url } }) {
    const fleets = [{ suffix: '', services: await startFleet(url) }]
    const pooled = await startPgbouncer(url)
    const settings = { DATABASE_DIRECT_URL: url }
    if (pooled) fleets.push({ suffix: ' through pgbouncer', services: await startFleet(pooled, settings) })
    else console.error('scale: PgBouncer is not installed, so it is not measured')

    /** @type {Record<string, number>} */
    const facts = {}
    let unexpected = 0
    for (const path of paths) {
      const request = get(path, await token())
      for (const { services } of fleets) await loadAll(services, request, warmUpSeconds)
      for (const count of counts)
        for (const { suffix, services } of fleets) {
          const measured = await loadAll(services.slice(0, count), request, seconds)
          const what = `${path}, ${count} ${count === 1 ? 'process' : 'processes'}${suffix}, 1/s`
          facts[what] = measured.rate
          unexpected += measured.unexpected
          console.error(`scale: ${what}: ${Math.round(measured.rate)}`)
        }
    }
    for (const { stop } of fleets.flatMap(({ services }) => services)) await stop()
    return { facts, unexpected }
  },
}

/**
 * @param {string} databaseUrl
 * @param {Record<string, string>} [settings]
 */
async function startFleet(databaseUrl, settings) {
  const services = Array.from({ length: Math.max(...counts) }, () => startService(databaseUrl, settings))
  return Promise.all(services)
}

/**
 * @param {Service[]} services
 * @param {import('./scenario.js').Request} request
 * @param {number} seconds
 */
async function loadAll(services, request, seconds) {
  const task = { requests: [request], connections: connections / services.length, seconds, expect: 200 }
  const all = await Promise.all(services.map(({ url }) => load({ ...task, url })))
  return {
    rate: all.reduce((sum, { rate }) => sum + rate, 0),
    unexpected: all.reduce((sum, { unexpected }) => sum + unexpected, 0),
  }
}
