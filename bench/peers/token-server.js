import { NotAvailable } from '../lib/not-available.js'

/** Time for a response of the server (milliseconds). */
const timeLimitMs = 10_000
/** Maximum size of a metadata document or a token response (bytes). */
const maxBytes = 100_000

/**
 * @typedef {import('../lib/load.js').Request} Request
 * @typedef {import('../lib/environment.js').Credentials} Credentials
 *
 * @typedef {object} TokenServer a server found by its URL
 * @property {string} url origin of its token endpoint
 * @property {string} tokenPath
 * @property {string | undefined} introspectionUrl
 * @property {boolean} takesBasic whether clients authenticate by HTTP Basic authentication, otherwise in the form
 */

/**
 * Reads the metadata of an OAuth 2.0 or OpenID Connect server (RFC 8414). Behind another name than that of its issuer, the
 * server is used under the name in the URL.
 *
 * @param {URL} issuer
 * @returns {Promise<TokenServer>}
 * @throws {NotAvailable} if the server has no metadata
 */
export async function discover(issuer) {
  const metadata = await readMetadata(issuer)
  const { token_endpoint: token, introspection_endpoint: introspection } = metadata
  if (!token) throw new NotAvailable(`${issuer} names no token endpoint`)
  const methods = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  const tokenUrl = reachable(token, metadata.issuer, issuer)
  return {
    url: tokenUrl.origin,
    tokenPath: tokenUrl.pathname + tokenUrl.search,
    introspectionUrl: introspection && reachable(introspection, metadata.issuer, issuer).href,
    takesBasic: methods.includes('client_secret_basic'),
  }
}

/**
 * Returns a request with a form from a client.
 *
 * @param {Pick<TokenServer, 'takesBasic'>} server
 * @param {Credentials} client
 * @param {string} path
 * @param {Record<string, string>} form
 * @returns {Request}
 */
export function clientRequest({ takesBasic }, client, path, form) {
  const secret = { client_id: client.id, client_secret: client.secret }
  return {
    method: 'POST',
    path,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      ...(takesBasic && { authorization: basic(client) }),
    },
    body: String(new URLSearchParams(takesBasic ? form : { ...form, ...secret })),
  }
}

/**
 * Sends a request that must succeed.
 *
 * @param {string} origin
 * @param {Request} request
 * @returns {Promise<Record<string, any>>} the JSON of the response
 */
export async function send(origin, { method, path, headers, body = '' }) {
  const init = { method, headers, body, signal: AbortSignal.timeout(timeLimitMs) }
  const response = await fetch(`${origin}${path}`, init)
  if (!response.ok) throw new Error(`${origin}${path} responded with ${response.status}`)
  return readJson(response)
}

/** Returns the value of the header Authorization: RFC 6749, section 2.3.1. @param {Credentials} client */
export function basic({ id, secret }) {
  const encoded = [id, secret].map(encodeURIComponent).join(':')
  return `Basic ${Buffer.from(encoded).toString('base64')}`
}

/**
 * @param {URL} issuer
 * @returns {Promise<Record<string, any>>}
 */
async function readMetadata({ origin, pathname }) {
  const path = pathname.replace(/\/$/, '')
  const places = [
    `/.well-known/oauth-authorization-server${path}`,
    `${path}/.well-known/openid-configuration`,
  ]
  for (const place of places) {
    const signal = AbortSignal.timeout(timeLimitMs)
    const response = await fetch(`${origin}${place}`, { signal }).catch(() => undefined)
    if (response?.ok) return readJson(response)
  }
  throw new NotAvailable(`${origin} has no metadata at ${places.join(' or ')}`)
}

/**
 * @param {Response} response
 * @returns {Promise<Record<string, any>>}
 */
async function readJson({ url, body }) {
  const pieces = []
  let bytes = 0
  for await (const piece of body ?? []) {
    bytes += piece.length
    if (bytes > maxBytes) throw new Error(`${url} responded with more than ${maxBytes} bytes`)
    pieces.push(piece)
  }
  return JSON.parse(Buffer.concat(pieces).toString())
}

/**
 * Replaces the origin of the issuer by the one under which the server was found.
 *
 * @param {string} endpoint
 * @param {string} named the issuer in the metadata
 * @param {URL} found
 */
function reachable(endpoint, named, found) {
  const { origin, pathname, search } = new URL(endpoint)
  return new URL(pathname + search, origin === new URL(named).origin ? found : origin)
}
