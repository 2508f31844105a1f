import { readFileSync } from 'node:fs'
import autocannon from 'autocannon'

// Loads a server as the task in a file says, and prints what it measured.

/** @type {import('../lib/load.js').Task} */
const task = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8'))
const { url, requests, connections, seconds, expect, chain } = task
let unexpected = 0

/** @param {number} status */
function countUnexpected(status) {
  if (status !== expect) unexpected += 1
}

const result = await autocannon({
  url,
  connections,
  duration: seconds,
  timeout: 15,
  requests: chain ? chained(requests, chain) : inTurn(requests),
})
const { total } = result.requests
process.stdout.write(
  JSON.stringify({
    rate: total / result.duration,
    requests: total,
    p50: result.latency.p50,
    p99: result.latency.p99,
    unexpected: unexpected + result.errors,
  }),
)

/**
 * Returns requests that all connections together send in rotation. Without this, each connection would send the whole list.
 *
 * @param {import('../lib/load.js').Request[]} requests
 * @returns {autocannon.Request[]}
 */
function inTurn(requests) {
  const all = /** @type {autocannon.Request[]} */ (requests)
  if (all.length === 1) return all.map((only) => ({ ...only, onResponse: countUnexpected }))
  let next = 0
  return [
    {
      setupRequest: (request) => ({ ...request, ...all[next++ % all.length] }),
      onResponse: countUnexpected,
    },
  ]
}

/**
 * @param {import('../lib/load.js').Request[]} requests
 * @param {string[]} chain
 * @returns {autocannon.Request[]}
 */
function chained(requests, chain) {
  const [first = ''] = chain
  const tokens = [...chain]
  return requests.map(({ method, path, headers, body = '' }) => ({
    method: /** @type {'POST'} */ (method),
    path,
    headers,
    setupRequest: (request) => ({ ...request, body: body.replace(first, tokens.pop() ?? 'none') }),
    onResponse(status, body) {
      countUnexpected(status)
      const { refresh_token: next } = status === 200 ? JSON.parse(body) : {}
      if (next) tokens.push(next)
    },
  }))
}
