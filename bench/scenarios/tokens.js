import { availableParallelism } from 'node:os'
import { ask } from '../lib/children.js'
import { measureLogIns } from '../lib/log-ins.js'
import { pathOf } from '../lib/world.js'
import { measureRequests, post, withPeakMemory } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */
/** @typedef {import('./scenario.js').World} World */

const chains = 32
const logInConnections = 16

/**
 * Where tokens come from and are asked about, and the work that each of these cannot do without.
 *
 * @param {World} world
 * @returns {Scenario[]}
 */
export function tokens(world) {
  return [
    {
      name: 'log-in',
      title: 'POST /token, password, 16 connections',
      measure: async ({ service, seconds }) => {
        const usernames = (await world.users()).slice(0, logInConnections).map(({ username }) => username)
        const task = { url: service.url, usernames, connections: logInConnections, seconds }
        return withPeakMemory(service, () => measureLogIns(task))
      },
    },
    {
      name: 'client-credentials',
      title: 'POST /token, client_credentials',
      measure: async (world) => {
        const headers = { authorization: await world.client() }
        return measureRequests(world, [post('/token', { grant_type: 'client_credentials' }, headers)])
      },
    },
    {
      name: 'refresh',
      title: 'POST /token, refresh_token, 32 chains',
      measure: async (world) => {
        // wrk asks once for a request that it does not send.
        const chain = await firstTokens(world, chains + 1)
        const request = post('/token', { grant_type: 'refresh_token', refresh_token: String(chain[0]) })
        return measureRequests(world, [request], { connections: chains, chain })
      },
    },
    {
      name: 'introspect',
      title: 'POST /introspect',
      measure: async (world) => {
        const headers = { authorization: await world.client() }
        return measureRequests(world, [post('/introspect', { token: await world.token() }, headers)])
      },
    },
    limit('limit-bcrypt', `bcrypt.compare, cost 12, ${availableParallelism()} at once`, 'bcrypt'),
    limit('limit-signing', 'signing a token', 'signing'),
    limit('limit-refresh', 'the statements of a refresh, 32 at once', 'refresh', (world) =>
      firstTokens(world, chains),
    ),
  ]
}

/**
 * @param {World} world
 * @param {number} count
 */
async function firstTokens({ users, issuer }, count) {
  return issuer.refreshTokens((await users()).slice(0, count))
}

/**
 * @param {string} name
 * @param {string} title
 * @param {string} work
 * @param {(world: World) => Promise<string[]>} [prepare]
 * @returns {Scenario}
 */
function limit(name, title, work, prepare) {
  return {
    name,
    title: `baseline: ${title}`,
    measure: async (world) => {
      const { seconds, database } = world
      const task = { work, seconds, databaseUrl: database.url, tokens: await prepare?.(world) }
      return { ...(await ask(pathOf('limits.js'), task)), unexpected: 0 }
    },
  }
}
