import { once } from '../lib/environment.js'
import { addItems, addUsers } from '../lib/fixtures.js'
import { get, measureRequests } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */
/** @typedef {import('./scenario.js').Environment} Environment */

const mePath = '/users/me/'
const verifyPath = '/verify'
const itemsPath = '/users/me/items/'
const tokensPerUser = 10
/** Time in which the service receives every token at least once (seconds). */
const secondsToSendAll = 3

/**
 * Returns the scenarios that read the current user and their items, and the baselines for them.
 *
 * @param {Environment} environment
 * @returns {Scenario[]}
 */
export function reads(environment) {
  const manyTokens = once(async () => {
    const users = await environment.users()
    return environment.issuer.accessTokens(Array.from({ length: tokensPerUser }, () => users).flat())
  })
  const garbage = once(async () => forge(await environment.token()))
  const hundred = once(() => tokenOfOwner(environment, 'owner-of-100', 100))
  const tenThousand = once(() => tokenOfOwner(environment, 'owner-of-10000', 10_000))

  return [
    read('me', 'GET /users/me/, one token', mePath, environment.token),
    {
      name: 'me-tokens',
      title: 'GET /users/me/, 10,000 tokens',
      async measure(environment) {
        const requests = (await manyTokens()).map((token) => get(mePath, token))
        await measureRequests({ ...environment, seconds: secondsToSendAll }, requests)
        return measureRequests(environment, requests)
      },
    },
    {
      name: 'me-garbage',
      title: 'GET /users/me/, invalid tokens (401)',
      measure: async (environment) =>
        measureRequests(
          environment,
          (await garbage()).map((token) => get(mePath, token)),
          { expect: 401 },
        ),
    },
    {
      name: 'verify',
      title: 'GET /verify, one token (204)',
      measure: async (environment) =>
        measureRequests(environment, [get(verifyPath, await environment.token())], { expect: 204 }),
    },
    read('items-1', 'GET /users/me/items/, owner of 1 item', itemsPath, environment.token),
    read('items-100', 'GET /users/me/items/, owner of 100 items', itemsPath, hundred),
    read('items-10000', 'GET /users/me/items/, owner of 10,000 items', itemsPath, tenThousand),
    baseline('base-bare', 'bare route, the JSON of /users/me/', '/bare'),
    baseline('base-verified', 'bare route behind @fastify/jwt with cache', '/verified', environment.token),
    baseline('base-items', 'route with one read by primary key', '/items'),
  ]
}

/**
 * @param {string} name
 * @param {string} title
 * @param {string} path
 * @param {() => Promise<string>} token
 * @returns {Scenario}
 */
function read(name, title, path, token) {
  return {
    name,
    title,
    measure: async (environment) => measureRequests(environment, [get(path, await token())]),
  }
}

/**
 * @param {string} name
 * @param {string} title
 * @param {string} path
 * @param {() => Promise<string>} [token]
 * @returns {Scenario}
 */
function baseline(name, title, path, token) {
  return {
    name,
    title: `baseline: ${title}`,
    measure: async (environment) =>
      measureRequests(environment, [get(path, await token?.())], { target: await environment.baselines() }),
  }
}

/**
 * @param {Environment} environment
 * @param {string} username
 * @param {number} items
 */
async function tokenOfOwner({ database: { sql }, issuer }, username, items) {
  const owners = await addUsers(sql, [username])
  await addItems(sql, owners, items)
  const [token = ''] = await issuer.accessTokens(owners)
  return token
}

/**
 * Returns invalid tokens, made from a valid one: not a JWT, without a signature, with another algorithm, with another
 * payload, with a wrong signature, and with a header that is not valid base64url.
 *
 * @param {string} token
 */
function forge(token) {
  const [header = '', payload = '', signature = ''] = token.split('.')
  const encode = (/** @type {object} */ value) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const decode = (/** @type {string} */ part) => JSON.parse(Buffer.from(part, 'base64url').toString())
  return [
    'nonsense',
    `${header}.${payload}`,
    `${header}.${payload}.`,
    `${encode({ ...decode(header), alg: 'none' })}.${payload}.`,
    `${encode({ alg: 'HS256', typ: 'JWT' })}.${payload}.${signature}`,
    `${header}.${encode({ ...decode(payload), sub: 'alice' })}.${signature}`,
    `${header}.${payload}.${[...signature].reverse().join('')}`,
    `${header}=.${payload}.${signature}`,
  ]
}
