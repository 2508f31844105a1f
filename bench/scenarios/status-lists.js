import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { startService } from '../lib/service.js'
import { measureRequests, post } from './scenario.js'

/** @typedef {import('../lib/service.js').Service} Service */
/** @typedef {{ status: number, etag: string, headBytes: number, bodyBytes: number }} Answer */

/** Number of full lists, which stand for 10,485,760 tokens. */
const lists = 10
const listSize = 2 ** 20
/** Number of revoked tokens of each list: 2%. */
const revokedPerList = Math.round(listSize / 50)
/** Number of revocations whose delay is measured. */
const revocations = 30
/** Time after which a list that has changed is built at once again, with some leeway (milliseconds). */
const quietMs = 600
/** Time between two polls of a verifier (seconds). */
const pollSeconds = 3
/** Minimum time for which a verifier keeps a copy of an unchanged list (seconds). */
const copySeconds = 240

/**
 * Returns the scenario that shows the cost of the status in a token: `client-credentials` by a service without status lists, which
 * runs until the end.
 *
 * @param {import('../lib/environment.js').Environment} environment
 * @returns {import('./scenario.js').Scenario}
 */
export function withoutStatus({ database }) {
  /** @type {Promise<Service> | undefined} */
  let starting
  return {
    name: 'client-credentials-without-status',
    title: 'POST /token, client_credentials, STATUS_LISTS=false',
    measure: async (environment) => {
      starting ??= startService(database.url, { STATUS_LISTS: 'false' })
      const headers = { authorization: await environment.client() }
      const requests = [post('/token', { grant_type: 'client_credentials' }, headers)]
      return measureRequests(environment, requests, { target: await starting })
    },
  }
}

/**
 * Measures what a verifier of 10 million tokens loads, and the time until a process that did not revoke a token lists it.
 *
 * @type {import('./scenario.js').Probe}
 */
export const statusLists = {
  name: 'status-lists',
  async probe({ database: { url, sql } }) {
    const ids = Array.from({ length: lists }, () => randomBytes(8).toString('base64url'))
    for (const id of ids)
      await sql.query(
        `INSERT INTO status_lists (id, class, seed, next_ordinal, closes_at, retires_at)
         VALUES ($1, 0, $2, $3, now(), now() + interval '1 hour')`,
        [id, randomBytes(32), listSize],
      )
    const services = [await startService(url), await startService(url)]
    const [one, other] = /** @type {[Service, Service]} */ (services)
    const none = await readLists(one, ids)
    await sql.query(
      `INSERT INTO status_revocations (list_id, first)
       SELECT id, ordinal FROM unnest($1::text[]) AS id, generate_series(0, $2::int - 1, $3::int) AS ordinal`,
      [ids, listSize, Math.round(listSize / revokedPerList)],
    )
    const some = await readLists(other, ids)
    const unchanged = await Promise.all(
      ids.map((id, i) => readList(other, id, String(some.answers[i]?.etag))),
    )
    const kept = sum(unchanged.map(({ headBytes, bodyBytes }) => headBytes + bodyBytes))
    const [busyList, quietList] = /** @type {[string, string]} */ (ids)
    const busy = await measureDelays(sql, services, busyList, 0)
    const quiet = await measureDelays(sql, services, quietList, quietMs)
    await Promise.all(services.map((service) => service.stop()))
    await sql.query('DELETE FROM status_lists WHERE id = ANY ($1)', [ids])
    const facts = {
      'lists of 10 million tokens, none revoked, kB': none.bytes / 1000,
      'lists of 10 million tokens, 2% revoked, kB': some.bytes / 1000,
      'unchanged lists of 10 million tokens, kB/s': (kept / pollSeconds + some.bytes / copySeconds) / 1000,
      'revocation until it is in a quiet list, median, ms': at(quiet, 0.5),
      'revocation until it is in a quiet list, p99, ms': at(quiet, 0.99),
      'revocation until it is in a list that changes all the time, p99, ms': at(busy, 0.99),
    }
    const isExpected = [...none.answers, ...some.answers].every(({ status }) => status === 200)
    return { facts, unexpected: isExpected && unchanged.every(({ status }) => status === 304) ? 0 : 1 }
  },
}

/**
 * Revokes one entry of a list after another, and asks the services in turn until they list it. Returns the times from the
 * acknowledgement (milliseconds), sorted.
 *
 * @param {import('pg').Client} sql
 * @param {Service[]} services
 * @param {string} id
 * @param {number} pauseMs time for which nothing changes before each revocation
 */
async function measureDelays(sql, services, id, pauseMs) {
  /** @type {number[]} */
  const delays = []
  for (let i = 0; i < revocations; i++) {
    const service = /** @type {Service} */ (services[i % services.length])
    const { etag } = await readList(service, id)
    await delay(pauseMs)
    await sql.query('INSERT INTO status_revocations (list_id, first, count) VALUES ($1, $2, 1)', [
      id,
      2 * i + 1,
    ])
    const acknowledged = performance.now()
    const digest = etag.replace(/\.\d+"$/, '')
    for (let read = etag; read.startsWith(digest); ) read = (await readList(service, id)).etag
    delays.push(performance.now() - acknowledged)
  }
  return delays.sort((first, second) => first - second)
}

/**
 * @param {Service} service
 * @param {string[]} ids
 */
async function readLists(service, ids) {
  const answers = await Promise.all(ids.map((id) => readList(service, id)))
  return { answers, bytes: sum(answers.map(({ bodyBytes }) => bodyBytes)) }
}

/**
 * Requests a list as it is sent, compressed.
 *
 * @param {Service} service
 * @param {string} id
 * @param {string} [etag] of a copy
 * @returns {Promise<Answer>}
 */
function readList({ url }, id, etag) {
  const headers = { 'accept-encoding': 'gzip', ...(etag && { 'if-none-match': etag }) }
  return new Promise((resolve, reject) => {
    const sent = request(`${url}/status-lists/${id}`, { headers }, (response) => {
      let bodyBytes = 0
      response.on('data', (/** @type {Buffer} */ piece) => {
        bodyBytes += piece.length
      })
      response.on('end', () =>
        resolve({
          status: Number(response.statusCode),
          etag: String(response.headers.etag),
          headBytes: response.rawHeaders.join('  ').length,
          bodyBytes,
        }),
      )
    })
    sent.on('error', reject).end()
  })
}

/** @param {number[]} values */
const sum = (values) => values.reduce((total, value) => total + value, 0)

/**
 * Returns the value below which a share of the sorted values lies.
 *
 * @param {number[]} sorted
 * @param {number} share
 */
const at = (sorted, share) => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN
