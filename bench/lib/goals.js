import { availableParallelism } from 'node:os'
import { compare } from './rounds.js'

/**
 * @typedef {import('./rounds.js').Results} Results
 * @typedef {object} Outcome
 * @property {string} what
 * @property {string} goal
 * @property {string} measured
 * @property {boolean | 'not judged'} met
 * @property {string} [because] why it is not judged
 *
 * @typedef {object} Goal
 * @property {string} what
 * @property {string} goal
 * @property {string[]} needs names of the scenarios and facts that the goal depends on
 * @property {(measured: Measurements) => number} value
 * @property {(value: number) => boolean} isMet
 * @property {boolean} [isTime] whether it is a time, which is not judged while others use the machine
 *
 * @typedef {object} Measurements
 * @property {(one: string, other: string) => number} ratio of two rates
 * @property {(name: string) => number} p99
 * @property {(name: string) => number} fact
 */

/** Name of the fact that says how much two pairs do, in units of one pair. */
export const growth = 'two pairs of a process and a load generator against one'

const cores = availableParallelism()
/**
 * Minimum share of their rate that reads keep while 16 connections log in: half of what one core gives them. Sixteen
 * hashes at once can use all cores, so no more than one core is expected to remain for reads.
 */
const minimumDuringLogins = 0.5 / cores

/** @type {Goal[]} */
const goals = [
  atLeast('/users/me/, one token, against @fastify/jwt with cache', ['me', 'base-verified'], 0.7),
  atLeast('/users/me/, 10,000 tokens, against @fastify/jwt with cache', ['me-tokens', 'base-verified'], 0.5),
  atLeast('/verify against /users/me/, one token', ['verify', 'me'], 0.8),
  atLeast('items of an owner of one item against one read by primary key', ['items-1', 'base-items'], 0.5),
  atLeast('logins against bcrypt alone', ['login', 'limit-bcrypt'], 0.97),
  atLeast(
    'client_credentials with status lists against without',
    ['client-credentials', 'client-credentials-without-status'],
    0.8,
  ),
  atLeast('refreshes against their statements alone', ['refresh', 'limit-refresh'], 0.8),
  atLeast('reads while one connection logs in', ['me-during-1', 'me'], 0.5),
  atLeast('reads while 16 connections log in', ['me-during-16', 'me'], minimumDuringLogins),
  {
    what: 'p99 of reads while 16 connections log in, ms',
    goal: '< 10',
    needs: ['me-during-16'],
    value: ({ p99 }) => p99('me-during-16'),
    isMet: (value) => value < 10,
    isTime: true,
  },
  atLeast('page 10,000 against page 1', ['page-10000', 'page-1'], 0.8),
  { ...below('start until ready, ms', 500), isTime: true },
  below('memory at rest, MB', 90),
  { ...below('old state served after a change, p99, ms', 100), isTime: true },
  below('lists of 10 million tokens, none revoked, kB', 20),
  below('lists of 10 million tokens, 2% revoked, kB', 500),
  below('unchanged lists of 10 million tokens, kB/s', 4),
  {
    ...below('revocation until it is in a list that changes all the time, p99, ms', 1000),
    isTime: true,
  },
  {
    what: 'memory after the last request against memory after the first requests',
    goal: '≤ 1.1',
    needs: ['memory after the last request, MB', 'memory after the first requests, MB'],
    value: ({ fact }) =>
      fact('memory after the last request, MB') / fact('memory after the first requests, MB'),
    isMet: (value) => value <= 1.1,
  },
  atLeast('/users/me/ against FastAPI', ['latchkey-me', 'fastapi-me'], 3),
  atLeast('/users/me/items/ against FastAPI', ['latchkey-items', 'fastapi-items'], 3),
  atLeast('/users/me/ during logins against FastAPI', ['latchkey-me-during', 'fastapi-me-during'], 3),
  ...tokenPeers('client_credentials', 'client-credentials'),
  ...tokenPeers('introspection', 'introspect'),
  {
    what: growth,
    goal: '≥ 1.6',
    needs: [growth],
    value: ({ fact }) => fact(growth),
    isMet: (value) => value >= 1.6,
  },
  ...[
    { what: 'reads of the user', pair: ['me', 'peer-me'], least: 3 },
    { what: 'reads of the items', pair: ['items-1', 'peer-items'], least: 3 },
    { what: 'logins, one connection', pair: ['login-1', 'peer-login-1'], least: 2 },
    { what: 'logins, one connection per core', pair: ['login-cores', 'peer-login-cores'], least: 2 },
    { what: 'reads while one connection logs in', pair: ['me-during-1', 'peer-me-during-1'], least: 3 },
  ].map(({ what, pair, least }) => atLeast(`${what} against the peer`, pair, least)),
]

/**
 * Compares the measurements with the goals that apply to them.
 *
 * @param {Results} results
 * @param {ReturnType<typeof import('./report.js').summarize>} summary
 * @param {Pick<import('../scenarios/scenario.js').Found, 'facts' | 'disturbed'>} probed
 * @param {string} [disturbance] why the machine was not quiet
 * @returns {Outcome[]}
 */
export function evaluateGoals(results, summary, { facts, disturbed = {} }, disturbance) {
  const measured = {
    ratio: (/** @type {string} */ one, /** @type {string} */ other) =>
      compare(results, one, other) ?? Number.NaN,
    p99: (/** @type {string} */ name) => summary[name]?.p99 ?? Number.NaN,
    fact: (/** @type {string} */ name) => facts[name] ?? Number.NaN,
  }
  return goals
    .filter(({ needs }) => needs.every((name) => results.has(name) || name in facts))
    .map(({ what, goal, needs, value, isMet, isTime = false }) => {
      const found = value(measured)
      const text = found < 10 ? found.toFixed(2) : found.toFixed()
      const reasons = [isTime ? disturbance : undefined, ...needs.map((name) => disturbed[name])]
      const because = reasons.find((reason) => reason !== undefined)
      if (because !== undefined) return { what, goal, measured: text, met: 'not judged', because }
      return { what, goal, measured: text, met: isMet(found) }
    })
}

/**
 * @param {string} what
 * @param {string[]} pair the two scenarios whose rates are compared
 * @param {number} least
 * @returns {Goal}
 */
function atLeast(what, pair, least) {
  const [one = '', other = ''] = pair
  return {
    what,
    goal: `≥ ${least}`,
    needs: pair,
    value: ({ ratio }) => ratio(one, other),
    isMet: (value) => value >= least,
  }
}

/**
 * Returns the goals of a kind of request against node-oidc-provider, and the comparison with a server found by URL.
 *
 * @param {string} what
 * @param {string} name
 */
function tokenPeers(what, name) {
  const own = `latchkey-${name}`
  return [
    atLeast(`${what} against node-oidc-provider in memory`, [own, `oidc-${name}`], 3),
    atLeast(`${what} against node-oidc-provider on PostgreSQL`, [own, `oidc-postgres-${name}`], 3),
    atLeast(`${what} against the peer at a URL`, [own, `peer-token-${name}`], 1),
  ]
}

/**
 * @param {string} fact
 * @param {number} most
 * @returns {Goal}
 */
function below(fact, most) {
  return {
    what: fact,
    goal: `< ${most}`,
    needs: [fact],
    value: ({ fact: read }) => read(fact),
    isMet: (value) => value < most,
  }
}
