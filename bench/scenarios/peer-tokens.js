import { once } from '../lib/environment.js'
import { beside, measureFleet } from '../lib/fleet.js'
import { NotAvailable } from '../lib/not-available.js'
import { latchkeyServer, oidcServer, serverOf } from '../peers/oauth-servers.js'
import { startOidcProvider } from '../peers/oidc-provider/index.js'
import { clientRequest, send } from '../peers/token-server.js'

/**
 * @typedef {import('./scenario.js').Scenario} Scenario
 * @typedef {import('../lib/environment.js').Environment} Environment
 * @typedef {import('../lib/environment.js').Target} Target
 * @typedef {import('../lib/environment.js').Credentials} Credentials
 * @typedef {import('../peers/oauth-servers.js').OAuthServer} OAuthServer
 * @typedef {import('../peers/oauth-servers.js').UrlPeer} UrlPeer
 *
 * @typedef {object} Side Latchkey or a peer
 * @property {string} name prefix of its scenarios
 * @property {string} title
 * @property {() => Promise<OAuthServer>} server
 * @property {boolean} usesDatabase
 * @property {() => Promise<Credentials>} credentials
 */

/**
 * Returns the scenarios of tokens for machines: those of Latchkey, of node-oidc-provider, and of a server found by URL.
 *
 * @param {Environment} environment
 * @param {UrlPeer | undefined} peer
 * @returns {Scenario[]}
 */
export function peerTokens({ processes, fleet, credentials, database }, peer) {
  const startOidc = async (/** @type {string | undefined} */ url) =>
    oidcServer(await startOidcProvider(processes, await credentials(), url))
  /** @type {Side[]} */
  const sides = [
    {
      name: 'latchkey',
      title: 'Latchkey',
      server: once(async () => latchkeyServer(await fleet())),
      usesDatabase: true,
      credentials,
    },
    {
      name: 'oidc',
      title: 'node-oidc-provider in memory',
      server: once(() => startOidc(undefined)),
      usesDatabase: false,
      credentials,
    },
    {
      name: 'oidc-postgres',
      title: 'node-oidc-provider on PostgreSQL',
      server: once(() => startOidc(database.url)),
      usesDatabase: true,
      credentials,
    },
    ...(peer ? [sideOf(peer)] : []),
  ]
  return [...sides.map(grants), ...sides.map(introspections)]
}

/** @param {Side} side @returns {Scenario} */
function grants(side) {
  const { name, title, server, credentials } = side
  return {
    name: `${name}-client-credentials`,
    title: `${title}: client_credentials`,
    async measure(environment) {
      const used = await server()
      const client = await credentials()
      return measureFleet(beside(environment, side), used.fleet, async () =>
        grantRequest(used, client, used.measuredForm),
      )
    },
  }
}

/** @param {Side} side @returns {Scenario} */
function introspections(side) {
  const { name, title, server, credentials } = side
  const tokens = once(async () => issueTokens(await server(), await credentials()))
  return {
    name: `${name}-introspect`,
    title: `${title}: introspection`,
    async measure(environment) {
      const used = await server()
      const issued = await tokens()
      const client = await credentials()
      return measureFleet(beside(environment, side), used.introspectors, async (target) =>
        clientRequest(used, client, used.introspectionPath, { token: String(issued.get(target)) }),
      )
    },
  }
}

/**
 * Issues a token at each process, because one with storage in memory does not know those of the others, and verifies that
 * it is active.
 *
 * @param {OAuthServer} server
 * @param {Credentials} client
 * @returns {Promise<Map<Target, string>>}
 */
async function issueTokens(server, client) {
  const { fleet, introspectors, introspectionPath, introspectedForm } = server
  if (!introspectionPath) throw new NotAvailable('its introspection endpoint is unknown')
  const entries = introspectors.map(async (introspector, index) => {
    const issuer = fleet[index] ?? introspector
    const { access_token: token } = await send(issuer.url, grantRequest(server, client, introspectedForm))
    const { active } = await send(
      introspector.url,
      clientRequest(server, client, introspectionPath, { token }),
    )
    if (active !== true) throw new Error(`${introspector.url} calls its own token inactive`)
    return /** @type {[Target, string]} */ ([introspector, token])
  })
  return new Map(await Promise.all(entries))
}

/**
 * @param {OAuthServer} server
 * @param {Credentials} client
 * @param {Record<string, string>} form
 */
function grantRequest(server, client, form) {
  return clientRequest(server, client, server.tokenPath, { grant_type: 'client_credentials', ...form })
}

/** @param {UrlPeer} peer @returns {Side} */
function sideOf(peer) {
  const { url, credentials } = peer
  return {
    name: 'peer-token',
    title: `peer at ${url.host}`,
    server: once(() => serverOf(peer)),
    usesDatabase: false,
    credentials: async () => credentials,
  }
}
