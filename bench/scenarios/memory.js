import { setTimeout as delay } from 'node:timers/promises'
import { load } from '../lib/load.js'
import { residentMemory, watchPeakMemory } from '../lib/memory.js'
import { median } from '../lib/rounds.js'
import { startService } from '../lib/service.js'
import { get, post } from './scenario.js'

/** @typedef {import('./scenario.js').World} World */
/** @typedef {import('./scenario.js').Request} Request */

const quietMs = 10_000
/**
 * What the first fifth of the requests leaves behind is there to stay. Garbage comes and goes: from there to the half, and
 * from seven tenths to the end, the median of what is taken counts.
 */
const [warmShare, endShare] = /** @type {const} */ ([
  [0.2, 0.5],
  [0.7, 1],
])
const requests = 1_000_000
const chunkSeconds = 3
/** A slow machine stops before the last request (milliseconds). */
const patienceMs = 100_000

/** How much memory a process of its own takes: at rest, under load, and after many requests. @type {import('./scenario.js').Inquiry} */
export const memory = {
  name: 'memory',
  async inquire(world) {
    const service = await startService(world.database.url)
    await sendAFew(service.url, await someRequests(world))
    await delay(quietMs)
    const atRest = residentMemory(service.pid)
    const endWatch = watchPeakMemory(service.pid)
    const { sent, warm, end, unexpected } = await sendMany(service, await world.token())
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

/** @param {World} world */
async function someRequests({ token, client }) {
  const [own, authorization] = [await token(), await client()]
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
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}`)
    await answer.arrayBuffer()
  }
}

/**
 * @param {{ url: string, pid: number }} service
 * @param {string} token
 */
async function sendMany({ url, pid }, token) {
  const task = { url, requests: [get('/users/me/', token)], connections: 32, expect: 200 }
  const deadline = performance.now() + patienceMs
  const samples = [{ sent: 0, memory: residentMemory(pid) }]
  let [sent, unexpected] = [0, 0]
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
