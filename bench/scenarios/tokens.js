import { availableParallelism } from 'node:os'
import { ask } from '../lib/children.js'
import { pathOf } from '../lib/environment.js'
import { measureLogins } from '../lib/logins.js'
import { withResources } from '../lib/resources.js'
import { measureRequests, post } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */
/** @typedef {import('./scenario.js').Environment} Environment */

const chains = 32
const loginConnections = 16

/**
 * Scenarios of the token and introspection endpoints, and the unavoidable work of each as a limit.
 *
 * @type {Scenario[]}
 */
export const tokens = [
  {
    name: 'login',
    title: 'POST /token, password, 16 connections',
    measure: async (environment) => {
      const { service, seconds } = environment
      const usernames = (await environment.users()).slice(0, loginConnections).map(({ username }) => username)
      const task = { url: service.url, usernames, connections: loginConnections, seconds }
      return withResources(environment, [service], () => measureLogins(task))
    },
  },
  {
    name: 'client-credentials',
    title: 'POST /token, client_credentials',
    measure: async (environment) => {
      const headers = { authorization: await environment.client() }
      return measureRequests(environment, [post('/token', { grant_type: 'client_credentials' }, headers)])
    },
  },
  {
    name: 'refresh',
    title: 'POST /token, refresh_token, 32 chains',
    measure: async (environment) => {
      // wrk calls `request` once for a request that it does not send.
      const chain = await firstTokens(environment, chains + 1)
      const request = post('/token', { grant_type: 'refresh_token', refresh_token: String(chain[0]) })
      return measureRequests(environment, [request], { connections: chains, chain })
    },
  },
  {
    name: 'introspect',
    title: 'POST /introspect',
    measure: async (environment) => {
      const headers = { authorization: await environment.client() }
      return measureRequests(environment, [
        post('/introspect', { token: await environment.token() }, headers),
      ])
    },
  },
  limit('limit-bcrypt', `bcrypt.compare, cost 12, ${availableParallelism()} at once`, 'bcrypt'),
  limit('limit-signing', 'signing a token', 'signing'),
  limit('limit-refresh', 'the statements of a refresh, 32 at once', 'refresh', (environment) =>
    firstTokens(environment, chains),
  ),
]

/**
 * @param {Environment} environment
 * @param {number} count
 */
async function firstTokens({ users, issuer }, count) {
  return issuer.refreshTokens((await users()).slice(0, count))
}

/**
 * @param {string} name
 * @param {string} title
 * @param {string} work
 * @param {(environment: Environment) => Promise<string[]>} [prepare]
 * @returns {Scenario}
 */
function limit(name, title, work, prepare) {
  return {
    name,
    title: `baseline: ${title}`,
    measure: async (environment) => {
      const { seconds, database } = environment
      const task = { work, seconds, databaseUrl: database.url, tokens: await prepare?.(environment) }
      return { ...(await ask(pathOf('limits.js'), task)), unexpected: 0 }
    },
  }
}
