import { Agent, request } from 'node:http'
import { text } from 'node:stream/consumers'

/** Time for a response (milliseconds): longer than that of the proxy. */
const timeLimitMs = 90_000

/**
 * @typedef {object} Exchange
 * @property {number} status 0 if there was no complete response
 * @property {import('node:http').IncomingHttpHeaders} headers
 * @property {Record<string, any>} body
 * @property {string} text
 *
 * @typedef {{ method?: string, headers?: Record<string, string>, body?: string }} Message
 */

/**
 * Creates a client of a server with a bounded number of connections.
 *
 * @param {string} origin
 * @param {number} connections
 */
export function openHttp(origin, connections) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })

  /**
   * @param {string} path
   * @param {Message} [message]
   * @returns {Promise<Exchange>}
   */
  async function send(path, { method = 'GET', headers = {}, body } = {}) {
    try {
      const response = await new Promise((resolve, reject) => {
        const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
        const options = { method, agent, timeout: timeLimitMs, headers: { ...headers, ...length } }
        const sent = request(`${origin}${path}`, options, resolve)
        sent.on('timeout', () => sent.destroy(new Error('no response in time'))).on('error', reject)
        sent.end(body)
      })
      const received = await text(response)
      return { status: response.statusCode, headers: response.headers, body: parse(received), text: received }
    } catch (error) {
      return { status: 0, headers: {}, body: {}, text: String(error) }
    }
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} form
   * @param {Record<string, string>} [headers]
   */
  function post(path, form, headers) {
    const type = { 'content-type': 'application/x-www-form-urlencoded' }
    return send(path, {
      method: 'POST',
      headers: { ...type, ...headers },
      body: String(new URLSearchParams(form)),
    })
  }

  return { send, post, close: () => agent.destroy() }
}

/** @typedef {ReturnType<typeof openHttp>} Http */

/** @param {string} received */
function parse(received) {
  try {
    return JSON.parse(received)
  } catch {
    return {}
  }
}
