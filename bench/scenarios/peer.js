import { availableParallelism } from 'node:os'
import { measureLogIns } from '../lib/log-ins.js'
import { once } from '../lib/world.js'
import { duringLogIns } from './floods.js'
import { get, measureRequests, withPeakMemory } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */
/** @typedef {import('../lib/world.js').Target} Target */

const usernames = ['johndoe']

/**
 * The same of another server, and of ours what is measured for nothing but the comparison.
 *
 * @param {string} url the peer's origin
 * @returns {Scenario[]}
 */
export function peers(url) {
  const peer = { url }
  const token = once(() => logInTo(url))
  return [
    ...logIns('log-in', 'POST /token, password', ({ service }) => service),
    ...logIns('peer-log-in', 'peer: POST /token, password', () => peer),
    ...['/users/me/', '/users/me/items/'].map((path) => ({
      name: path === '/users/me/' ? 'peer-me' : 'peer-items',
      title: `peer: GET ${path}`,
      measure: async (/** @type {import('./scenario.js').World} */ world) =>
        measureRequests(world, [get(path, await token())], { target: peer }),
    })),
    {
      name: 'peer-me-during-1',
      title: 'peer: GET /users/me/ while one connection logs in',
      async measure(world) {
        const request = get('/users/me/', await token())
        return duringLogIns({ url, usernames, connections: 1 }, () =>
          measureRequests(world, [request], { target: peer }),
        )
      },
    },
  ]
}

/**
 * @param {string} name
 * @param {string} title
 * @param {(world: import('./scenario.js').World) => Target} targetOf
 * @returns {Scenario[]}
 */
function logIns(name, title, targetOf) {
  return [
    { suffix: '1', connections: 1 },
    { suffix: 'cores', connections: availableParallelism() },
  ].map(({ suffix, connections }) => ({
    name: `${name}-${suffix}`,
    title: `${title}, ${connections} at once`,
    measure: async (world) => {
      const target = targetOf(world)
      const { seconds } = world
      return withPeakMemory(target, () => measureLogIns({ url: target.url, usernames, connections, seconds }))
    },
  }))
}

/**
 * @param {string} url
 * @returns {Promise<string>} an access token
 */
async function logInTo(url) {
  const body = new URLSearchParams({ username: 'johndoe', password: 'secret' })
  const answer = await fetch(`${url}/token`, { method: 'POST', body })
  if (!answer.ok) throw new Error(`the peer answered the log-in of johndoe with ${answer.status}`)
  return JSON.parse(await answer.text()).access_token
}
