import { createHmac, generateKeyPairSync, randomBytes, timingSafeEqual } from 'node:crypto'
import Provider from 'oidc-provider'
import { openPostgresAdapter } from './postgres-adapter.js'

// A server of access tokens for machines on node-oidc-provider. Its storage is in memory, as by default, or PostgreSQL.

/** @type {{ port: number, client: { id: string, secret: string }, resource: string, databaseUrl?: string }} */
const { port, client, resource, databaseUrl } = JSON.parse(process.argv[2] ?? '')

const macKey = randomBytes(32)
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const registered = {
  client_id: client.id,
  client_secret: client.secret,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
  id_token_signed_response_alg: 'ES256',
}
const resourceServer = {
  scope: 'items:read',
  audience: resource,
  accessTokenTTL: 1800,
  accessTokenFormat: 'jwt',
  jwt: { sign: { alg: 'ES256' } },
}
const storage = databaseUrl && (await openPostgresAdapter(databaseUrl))
await storage?.add('Client', client.id, registered)

const provider = new Provider(`http://127.0.0.1:${port}`, {
  ...(storage ? { adapter: storage.adapter } : { clients: [registered] }),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'ES256' }] },
  scopes: ['items:read'],
  ttl: { ClientCredentials: 1800 },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    resourceIndicators: { enabled: true, getResourceServerInfo: () => resourceServer },
  },
})

// Latchkey stores a keyed hash of each client secret, and hashes the secret of each request.
const digest = (/** @type {string} */ secret) => createHmac('sha256', macKey).update(secret).digest()
const stored = digest(client.secret)
provider.Client.prototype.compareClientSecret = (/** @type {string} */ secret) =>
  timingSafeEqual(stored, digest(secret))

provider.listen(port, '127.0.0.1')
