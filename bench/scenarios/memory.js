import { setTimeout as delay } from 'node:timers/promises'
import { load } from '../lib/load.js'
import { residentMemory, watchPeakMemory } from '../lib/memory.js'
import { median } from '../lib/rounds.js'
import { startService } from '../lib/service.js'
import { get, post } from './scenario.js'

/** @typedef {import('./scenario.js').Environment} Environment */
/** @typedef {import('./scenario.js').Request} Request */

const quietMs = 10_000
/**
 * Shares of the requests between which the median of the memory counts as the beginning and as the end. The first fifth is
 * excluded, because it fills the caches.
 */
const [warmShare, endShare] = /** @type {const} */ ([
  [0.2, 0.5],
  [0.7, 1],
])
const requests = 1_000_000
const chunkSeconds = 3
/** Time after which the requests end (milliseconds). */
const timeLimitMs = 100_000

/** Measures the memory of a process: at rest, under load, and after many requests. @type {import('./scenario.js').Probe} */
export const memory = {
  name: 'memory',
  async probe(environment) {
    const service = await startService(environment.database.url)
    await sendAFew(service.url, await someRequests(environment))
    await delay(quietMs)
    const atRest = residentMemory(service.pid)
    const endWatch = watchPeakMemory(service.pid)
    const { sent, warm, end, unexpected } = await sendMany(service, await environment.token())
    const peak = endWatch()
    await service.stop()
    const facts = {
      'memory at rest, MB': atRest,
      'memory after the first requests, MB': warm,
      'memory after the last request, MB': end,
      'memory at its peak, MB': peak,
      'requests sent to watch the memory': sent,
    }
    return { facts, unexpected }
  },
}

/** @param {Environment} environment */
async function someRequests({ token, client }) {
  const own = await token()
  const authorization = await client()
  const paths = ['/users/me/', '/users/me/items/', '/users/me/items/Foo', '/users/me/events/']
  return [
    ...[...paths, '/readyz', '/.well-known/jwks.json'].map((path) => get(path, own)),
    post('/token', { username: 'johndoe', password: 'secret' }),
    post('/token', { grant_type: 'client_credentials' }, { authorization }),
    post('/introspect', { token: own }, { authorization }),
  ]
}

/**
 * @param {string} url
 * @param {Request[]} few
 */
async function sendAFew(url, few) {
  for (const { path, method, headers, body } of [...few, ...few, ...few]) {
    const answer = await fetch(`${url}${path}`, { method, headers, ...(body && { body }) })
    if (!answer.ok) throw new Error(`${path} got ${answer.status}`)
    await answer.arrayBuffer()
  }
}

/**
 * @param {{ url: string, pid: number }} service
 * @param {string} token
 */
async function sendMany({ url, pid }, token) {
  const task = { url, requests: [get('/users/me/', token)], connections: 32, expect: 200 }
  const deadline = performance.now() + timeLimitMs
  const samples = [{ sent: 0, memory: residentMemory(pid) }]
  let sent = 0
  let unexpected = 0
  while (sent < requests && performance.now() < deadline) {
    const measured = await load({ ...task, seconds: chunkSeconds })
    sent += Math.round(measured.rate * chunkSeconds)
    unexpected += measured.unexpected
    samples.push({ sent, memory: residentMemory(pid) })
    console.error(`memory: ${residentMemory(pid).toFixed()} MB after ${sent} requests`)
  }
  const within = (/** @type {number} */ from, /** @type {number} */ to) =>
    samples.flatMap((sample) =>
      sample.sent > from * sent && sample.sent <= to * sent ? [sample.memory] : [],
    )
  return {
    sent,
    unexpected,
    warm: median(within(...warmShare)) ?? Number.NaN,
    end: median(within(...endShare)) ?? Number.NaN,
  }
}
