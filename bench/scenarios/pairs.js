import { availableParallelism } from 'node:os'
import { isInstalled } from '../lib/children.js'
import { startFleet, total } from '../lib/fleet.js'
import { growth } from '../lib/goals.js'
import { load } from '../lib/load.js'
import { describeDisturbance, measureMachine, watchMachine } from '../lib/machine-load.js'
import { NotAvailable } from '../lib/not-available.js'
import { median } from '../lib/rounds.js'
import { startService } from '../lib/service.js'
import { get } from './scenario.js'

/**
 * @typedef {import('../lib/service.js').Service} Service
 * @typedef {import('../lib/load.js').Request} Request
 */

const path = '/users/me/'
const connections = 32
const rounds = 5
const warmUpSeconds = 1
const quietMs = 2_000

/**
 * Measures one pair of a process and its own load generator on one core, then two pairs on two cores, in alternating rounds.
 * So the load generators take their part of each core alike, and what is left is how the service grows with cores.
 *
 * @type {import('./scenario.js').Probe}
 */
export const pairs = {
  name: 'pairs',
  async probe({ seconds, token, database: { url } }) {
    if (availableParallelism() < 2) throw new NotAvailable('it needs two cores')
    if (!(await isInstalled('taskset'))) throw new NotAvailable('taskset is not installed')
    const before = await measureMachine(quietMs)
    let core = 0
    const services = await startFleet(2, () => startService(url, {}, { core: core++ }))
    const request = get(path, await token())
    await loadPairs(services, request, warmUpSeconds)
    const { result, load: during } = await watchMachine(() => compareCounts(services, request, seconds))
    for (const { stop } of services) await stop()
    const disturbance = describeDisturbance(before, during)
    return {
      facts: {
        'one pair, 1/s': result.one,
        'two pairs, 1/s': result.two,
        [growth]: result.ratio,
        ...(before && { 'pairs, CPU idle before, %': before.idle * 100 }),
        ...(during && {
          'pairs, CPU of others meanwhile, %': during.others * 100,
          'pairs, CPU withheld meanwhile, %': during.steal * 100,
        }),
      },
      unexpected: result.unexpected,
      ...(disturbance && { disturbed: { [growth]: disturbance } }),
    }
  },
}

/**
 * @param {Service[]} services
 * @param {Request} request
 * @param {number} seconds
 */
async function compareCounts(services, request, seconds) {
  /** @type {{ one: number, two: number, unexpected: number }[]} */
  const measured = []
  for (let round = 1; round <= rounds; round++) {
    const one = await loadPairs(services.slice(0, 1), request, seconds)
    const two = await loadPairs(services, request, seconds)
    console.error(`pairs: ${Math.round(one.rate)}/s, ${Math.round(two.rate)}/s`)
    measured.push({ one: one.rate, two: two.rate, unexpected: one.unexpected + two.unexpected })
  }
  const medianOf = (/** @type {(round: { one: number, two: number }) => number} */ pick) =>
    median(measured.map(pick)) ?? Number.NaN
  return {
    one: medianOf(({ one }) => one),
    two: medianOf(({ two }) => two),
    ratio: medianOf(({ one, two }) => two / one),
    unexpected: measured.reduce((sum, { unexpected }) => sum + unexpected, 0),
  }
}

/**
 * @param {Service[]} services the first one on the first core, and so on
 * @param {Request} request
 * @param {number} seconds
 */
async function loadPairs(services, request, seconds) {
  const task = { requests: [request], connections, seconds, expect: 200 }
  return total(await Promise.all(services.map(({ url }, core) => load({ ...task, url, core }))))
}
