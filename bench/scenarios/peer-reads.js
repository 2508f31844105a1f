import { once } from '../lib/environment.js'
import { beside, measureFleet, measureFleetLogins } from '../lib/fleet.js'
import { startFastapi } from '../peers/fastapi/index.js'
import { duringLogins } from './floods.js'
import { get, post } from './scenario.js'

/**
 * @typedef {import('./scenario.js').Scenario} Scenario
 * @typedef {import('../lib/environment.js').Environment} Environment
 *
 * @typedef {object} Side Latchkey or its peer
 * @property {string} name prefix of its scenarios
 * @property {string} title
 * @property {() => Promise<import('../lib/fleet.js').Fleet>} fleet
 * @property {boolean} usesDatabase
 * @property {() => Promise<string>} token an access token of johndoe, for all processes
 */

const mePath = '/users/me/'
const itemsPath = '/users/me/items/'
const usernames = ['johndoe']

/**
 * Returns the scenarios of Latchkey and of the FastAPI tutorial's service, each with the same number of processes. Those that
 * are compared follow each other.
 *
 * @param {Environment} environment
 * @returns {Scenario[]}
 */
export function peerReads({ processes, fleet, token }) {
  const fastapi = once(() => startFastapi(processes))
  /** @type {Side[]} */
  const sides = [
    { name: 'latchkey', title: 'Latchkey', fleet, usesDatabase: true, token },
    {
      name: 'fastapi',
      title: 'FastAPI',
      fleet: fastapi,
      usesDatabase: false,
      token: once(async () => logIn(await fastapi())),
    },
  ]
  return [
    ...sides.map((side) => read(side, 'me', mePath)),
    ...sides.map((side) => read(side, 'items', itemsPath)),
    ...sides.map(logins),
    ...sides.map(readsDuringLogins),
  ]
}

/**
 * @param {Side} side
 * @param {string} name
 * @param {string} path
 * @returns {Scenario}
 */
function read(side, name, path) {
  const { title, fleet, token } = side
  return {
    name: `${side.name}-${name}`,
    title: `${title}: GET ${path}`,
    measure: async (environment) =>
      measureFleet(beside(environment, side), await fleet(), async () => get(path, await token())),
  }
}

/** @param {Side} side @returns {Scenario} */
function logins(side) {
  const { name, title, fleet } = side
  return {
    name: `${name}-login`,
    title: `${title}: POST /token, password, one connection to each process`,
    measure: async (environment) => measureFleetLogins(beside(environment, side), await fleet()),
  }
}

/** @param {Side} side @returns {Scenario} */
function readsDuringLogins({ name, title, fleet, token }) {
  return {
    name: `${name}-me-during`,
    title: `${title}: GET ${mePath} while one connection to each process logs in`,
    async measure(environment) {
      const targets = await fleet()
      const tasks = targets.map(({ url }) => ({ url, usernames, connections: 1 }))
      return duringLogins(tasks, () =>
        measureFleet(environment, targets, async () => get(mePath, await token())),
      )
    },
  }
}

/** @param {import('../lib/fleet.js').Fleet} fleet */
async function logIn([target]) {
  if (!target) throw new Error('a fleet has no process')
  const { url } = target
  const { path, body = '', ...init } = post('/token', { username: 'johndoe', password: 'secret' })
  const response = await fetch(`${url}${path}`, { ...init, body })
  if (!response.ok) throw new Error(`${url} responded to a login with ${response.status}`)
  return JSON.parse(await response.text()).access_token
}
