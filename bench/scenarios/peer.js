import { availableParallelism } from 'node:os'
import { once } from '../lib/environment.js'
import { measureLogins } from '../lib/logins.js'
import { withResources } from '../lib/resources.js'
import { duringLogins } from './floods.js'
import { get, measureRequests } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */
/** @typedef {import('../lib/environment.js').Target} Target */

const usernames = ['johndoe']

/**
 * Returns the scenarios of another server, and those of Latchkey that are measured only for the comparison.
 *
 * @param {string} url the peer's origin
 * @returns {Scenario[]}
 */
export function peers(url) {
  const peer = { url }
  const token = once(() => logInTo(url))
  return [
    ...logins('login', 'POST /token, password', ({ service }) => service),
    ...logins('peer-login', 'peer: POST /token, password', () => peer),
    ...['/users/me/', '/users/me/items/'].map((path) => ({
      name: path === '/users/me/' ? 'peer-me' : 'peer-items',
      title: `peer: GET ${path}`,
      measure: async (/** @type {import('./scenario.js').Environment} */ environment) =>
        measureRequests(environment, [get(path, await token())], { target: peer }),
    })),
    {
      name: 'peer-me-during-1',
      title: 'peer: GET /users/me/ while one connection logs in',
      async measure(environment) {
        const request = get('/users/me/', await token())
        return duringLogins([{ url, usernames, connections: 1 }], () =>
          measureRequests(environment, [request], { target: peer }),
        )
      },
    },
  ]
}

/**
 * @param {string} name
 * @param {string} title
 * @param {(environment: import('./scenario.js').Environment) => Target} targetOf
 * @returns {Scenario[]}
 */
function logins(name, title, targetOf) {
  return [
    { suffix: '1', connections: 1 },
    { suffix: 'cores', connections: availableParallelism() },
  ].map(({ suffix, connections }) => ({
    name: `${name}-${suffix}`,
    title: `${title}, ${connections} at once`,
    measure: async (environment) => {
      const target = targetOf(environment)
      const { seconds } = environment
      const task = { url: target.url, usernames, connections, seconds }
      return withResources(environment, [target], () => measureLogins(task))
    },
  }))
}

/**
 * @param {string} url
 * @returns {Promise<string>} an access token
 */
async function logInTo(url) {
  const body = new URLSearchParams({ username: 'johndoe', password: 'secret' })
  const response = await fetch(`${url}/token`, { method: 'POST', body })
  if (!response.ok) throw new Error(`the peer responded to the login of johndoe with ${response.status}`)
  return JSON.parse(await response.text()).access_token
}
