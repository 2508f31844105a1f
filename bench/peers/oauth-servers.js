import { resource } from './oidc-provider/index.js'
import { discover } from './token-server.js'

/**
 * @typedef {import('../lib/environment.js').Target} Target
 * @typedef {import('../lib/environment.js').Credentials} Credentials
 *
 * @typedef {object} OAuthServer its processes, and how they are used
 * @property {Target[]} fleet
 * @property {Target[]} introspectors the same, or where the introspection endpoint has an origin of its own
 * @property {boolean} takesBasic
 * @property {string} tokenPath
 * @property {string} introspectionPath
 * @property {Record<string, string>} measuredForm further fields of the request for a token that is measured
 * @property {Record<string, string>} introspectedForm further fields of the request for the token that is introspected
 *
 * @typedef {object} UrlPeer a running server
 * @property {URL} url
 * @property {Credentials} credentials of a client that may use client_credentials and introspection
 * @property {URL | undefined} introspection its introspection endpoint, if that is not in its metadata
 * @property {Record<string, string>} form further fields of the requests for tokens
 * @property {number | undefined} pid its process on this machine
 */

/** @param {Target[]} fleet @returns {OAuthServer} */
export function latchkeyServer(fleet) {
  return {
    fleet,
    introspectors: fleet,
    takesBasic: true,
    tokenPath: '/token',
    introspectionPath: '/introspect',
    measuredForm: {},
    introspectedForm: {},
  }
}

/**
 * node-oidc-provider introspects only opaque tokens, which it issues for no resource server.
 *
 * @param {Target[]} fleet
 * @returns {OAuthServer}
 */
export function oidcServer(fleet) {
  return {
    ...latchkeyServer(fleet),
    introspectionPath: '/token/introspection',
    measuredForm: { resource, scope: 'items:read' },
  }
}

/**
 * Returns a server found by URL.
 *
 * @param {UrlPeer} peer
 * @returns {Promise<OAuthServer>}
 * @throws {NotAvailable} if the server has no metadata
 */
export async function serverOf({ url: issuer, introspection, form, pid }) {
  const { url, tokenPath, introspectionUrl, takesBasic } = await discover(issuer)
  const introspect = introspection ?? (introspectionUrl ? new URL(introspectionUrl) : undefined)
  const at = (/** @type {string} */ origin) => ({ url: origin, ...(pid !== undefined && { pid }) })
  return {
    fleet: [at(url)],
    introspectors: [at(introspect?.origin ?? url)],
    takesBasic,
    tokenPath,
    introspectionPath: introspect ? introspect.pathname + introspect.search : '',
    measuredForm: form,
    introspectedForm: form,
  }
}
