import { setTimeout as delay } from 'node:timers/promises'
import { load } from '../lib/load.js'
import { residentMemory, watchPeakMemory } from '../lib/memory.js'
import { median } from '../lib/rounds.js'
import { startService } from '../lib/service.js'
import { get, post } from './scenario.js'

/** @typedef {import('./scenario.js').Environment} Environment */
/** @typedef {import('./scenario.js').Request} Request */

const quietMs = 10_000
/** Range of the requests, as shares, whose median memory counts as the beginning. The first fifth only fills the caches. */
const beginning = { from: 0.2, to: 0.5 }
/** Range of the requests, as shares, whose median memory counts as the end. */
const ending = { from: 0.7, to: 1 }
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
    const response = await fetch(`${url}${path}`, { method, headers, ...(body && { body }) })
    if (!response.ok) throw new Error(`${path} responded with ${response.status}`)
    await response.arrayBuffer()
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
  const medianWithin = (/** @type {{ from: number, to: number }} */ { from, to }) => {
    const within = samples.filter((sample) => sample.sent > from * sent && sample.sent <= to * sent)
    return median(within.map((sample) => sample.memory)) ?? Number.NaN
  }
  return {
    sent,
    unexpected,
    warm: medianWithin(beginning),
    end: medianWithin(ending),
  }
}
