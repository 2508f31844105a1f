import { addItems, addUsers } from '../lib/fill.js'
import { once } from '../lib/world.js'
import { get, measureRequests } from './scenario.js'

/** @typedef {import('./scenario.js').Scenario} Scenario */
/** @typedef {import('./scenario.js').World} World */

const [mePath, itemsPath] = ['/users/me/', '/users/me/items/']
const tokensPerUser = 10
/** These tokens are live: the service has met them before. */
const secondsToMeetAll = 3

/**
 * Who am I, what is mine, and the bare routes that these are compared with.
 *
 * @param {World} world
 * @returns {Scenario[]}
 */
export function reads(world) {
  const manyTokens = once(async () => {
    const users = await world.users()
    return world.issuer.accessTokens(Array.from({ length: tokensPerUser }, () => users).flat())
  })
  const garbage = once(async () => forge(await world.token()))
  const hundred = once(() => tokenOfOwner(world, 'owner-of-100', 100))
  const tenThousand = once(() => tokenOfOwner(world, 'owner-of-10000', 10_000))

  return [
    read('me', 'GET /users/me/, one token', mePath, world.token),
    {
      name: 'me-tokens',
      title: 'GET /users/me/, 10,000 tokens',
      async measure(world) {
        const requests = (await manyTokens()).map((token) => get(mePath, token))
        await measureRequests({ ...world, seconds: secondsToMeetAll }, requests)
        return measureRequests(world, requests)
      },
    },
    {
      name: 'me-garbage',
      title: 'GET /users/me/, garbage (401)',
      measure: async (world) =>
        measureRequests(
          world,
          (await garbage()).map((token) => get(mePath, token)),
          { expect: 401 },
        ),
    },
    read('items-1', 'GET /users/me/items/, owner of 1', itemsPath, world.token),
    read('items-100', 'GET /users/me/items/, owner of 100', itemsPath, hundred),
    read('items-10000', 'GET /users/me/items/, owner of 10,000', itemsPath, tenThousand),
    baseline('base-bare', 'bare route, the JSON of /users/me/', '/bare'),
    baseline('base-verified', 'the same behind @fastify/jwt with cache', '/verified', world.token),
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
  return { name, title, measure: async (world) => measureRequests(world, [get(path, await token())]) }
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
    measure: async (world) =>
      measureRequests(world, [get(path, await token?.())], { target: await world.baselines() }),
  }
}

/**
 * @param {World} world
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
 * What is no token of ours, each in another way: not a JWT, none of our keys, another algorithm, another payload, a
 * signature of something else.
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
