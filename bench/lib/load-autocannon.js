import autocannon from 'autocannon'

/** Loads a server by autocannon, which runs in this process. @type {import('./load.js').Load} */
export async function loadWithAutocannon({ url, requests, connections, seconds, expect, chain }) {
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
    requests: chain ? chained(requests, chain, countUnexpected) : inTurn(requests, countUnexpected),
  })
  return {
    rate: result.requests.total / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    unexpected: unexpected + result.errors,
  }
}

/**
 * Returns requests that all connections together send in rotation. Without this, each connection would send the whole list.
 *
 * @param {import('./load.js').Request[]} requests
 * @param {(status: number) => void} onStatus
 * @returns {autocannon.Request[]}
 */
function inTurn(requests, onStatus) {
  const all = /** @type {autocannon.Request[]} */ (requests)
  if (all.length === 1) return all.map((only) => ({ ...only, onResponse: onStatus }))
  let next = 0
  return [
    {
      setupRequest: (request) => ({ ...request, ...all[next++ % all.length] }),
      onResponse: onStatus,
    },
  ]
}

/**
 * @param {import('./load.js').Request[]} requests
 * @param {string[]} chain
 * @param {(status: number) => void} onStatus
 * @returns {autocannon.Request[]}
 */
function chained(requests, chain, onStatus) {
  const [first = ''] = chain
  const tokens = [...chain]
  return requests.map(({ method, path, headers, body = '' }) => ({
    method: /** @type {'POST'} */ (method),
    path,
    headers,
    setupRequest: (request) => ({ ...request, body: body.replace(first, tokens.pop() ?? 'none') }),
    onResponse(status, body) {
      onStatus(status)
      const { refresh_token: next } = status === 200 ? JSON.parse(body) : {}
      if (next) tokens.push(next)
    },
  }))
}
