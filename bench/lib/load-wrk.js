import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { run } from './children.js'
import { atEnd } from './cleanup.js'
import { pinned } from './pinned.js'

/** @typedef {import('./load.js').Task} Task */

/** Loads a server by wrk, which runs a Lua script. @type {import('./load.js').Load} */
export async function loadWithWrk(task) {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-wrk-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  atEnd(remove)
  const script = join(folder, 'load.lua')
  await writeFile(script, writeScript(task))
  const [command, ...args] = pinned(task.core, [
    'wrk',
    '--threads=1',
    `--connections=${task.connections}`,
    `--duration=${task.seconds}s`,
    '--timeout=15s',
    `--script=${script}`,
    task.url,
  ])
  const output = await run(command, args)
  await remove()
  return JSON.parse(output.slice(output.lastIndexOf('{')))
}

/**
 * Returns the Lua script. Each thread of wrk has its own variables, which `done` reads through the threads that `setup` collects.
 *
 * The functions `request` and `response` slow wrk down considerably, which shares the machine with the server. `request` is
 * therefore included only for several requests, and `response` only for chains and for expected errors; otherwise wrk's own
 * count of statuses from 400 is used.
 *
 * @param {Task} task
 */
function writeScript(task) {
  const checksStatus = task.chain !== undefined || task.expect >= 400
  return `
unexpected = 0
local threads = {}
function setup(thread) table.insert(threads, thread) end
${writeRequests(task)}
${checksStatus ? checkResponses(task) : ''}
function done(summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  for _, thread in ipairs(threads) do failed = failed + thread:get('unexpected') end
  ${checksStatus ? '' : 'failed = failed + errors.status'}
  io.write(string.format('{"rate":%f,"requests":%d,"p50":%f,"p99":%f,"unexpected":%d}\\n',
    summary.requests / summary.duration * 1e6, summary.requests,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, failed))
end
`
}

/** @param {Task} task */
function writeRequests(task) {
  const [request, ...others] = task.requests
  if (task.chain) return chainedRequests(task, task.chain)
  return request && others.length === 0 ? oneRequest(request) : requestsInTurn(task)
}

/** @param {import('./load.js').Request} request */
function oneRequest({ method, path, headers, body = '' }) {
  const fields = Object.entries(headers).map(([name, value]) => `[${quote(name)}] = ${quote(value)}`)
  return `
wrk.method = ${quote(method)}
wrk.path = ${quote(path)}
wrk.headers = { ${fields.join(', ')} }
wrk.body = ${quote(body)}`
}

/** @param {Task} task */
function requestsInTurn({ url, requests }) {
  return `
local requests = {\n${requests.map((request) => quote(write(url, request))).join(',\n')}\n}
local last = 0
function request()
  last = last % #requests + 1
  return requests[last]
end`
}

/**
 * @param {Task} task
 * @param {string[]} chain
 */
function chainedRequests({ url, requests: [request] }, chain) {
  const [first] = chain
  if (!request || !first) throw new Error('a chain needs a request and tokens')
  const [before = '', after = ''] = write(url, request).split(first)
  return `
local tokens = {\n${chain.map(quote).join(',\n')}\n}
function request()
  return ${quote(before)} .. (table.remove(tokens) or 'none') .. ${quote(after)}
end`
}

/** @param {Task} task */
function checkResponses({ expect, chain }) {
  return `
function response(status, headers, body)
  if status ~= ${expect} then unexpected = unexpected + 1 end
  ${chain ? `table.insert(tokens, string.match(body, '"refresh_token":"([^"]*)"'))` : ''}
end`
}

/**
 * @param {string} url
 * @param {import('./load.js').Request} request
 */
function write(url, { method, path, headers, body = '' }) {
  const length = body ? [['content-length', Buffer.byteLength(body)]] : []
  const fields = [['host', new URL(url).host], ...Object.entries(headers), ...length]
  return `${method} ${path} HTTP/1.1\r\n${fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

/** Returns a Lua string literal. A JSON string of ASCII text is one. @param {string} text */
function quote(text) {
  return JSON.stringify(text)
}
