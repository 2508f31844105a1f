import type { FastifyInstance } from 'fastify'
import { LRUCache } from 'lru-cache'
import type { Config } from '../config/index.js'
import { createInvalidatingCache } from '../database/changes/cache.js'
import { registerPasswords } from '../passwords/index.js'
import { makeAuthenticate, makeAuthenticateForOwner } from './authenticate.js'
import type { AuthContext } from './context.js'
import { readForms } from './form.js'
import { introspectionEndpoint } from './introspect.js'
import { Jwks, jwksEndpoint } from './jwks.js'
import { registerMacKey } from './keys/mac.js'
import { openSharedSecret, registerKeyRing } from './keys/ring.js'
import { Metadata, metadataEndpoint } from './metadata.js'
import { revocationEndpoint } from './revoke.js'
import { tokenEndpoint } from './token.js'
import { Introspection, Revocation, Token, TokenForm, TokenReference } from './token-schema.js'

export { requireOwner, requireUser } from './authenticate.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Reads all keys, which the first use does otherwise. @throws OperatorError when they cannot be decrypted */
    openKeys(): Promise<void>
    /** Returns the key of the keyed hashes as it is now, from memory while no change of it was announced. */
    readMacKey(): Promise<Buffer>
  }
}

/** What the routes refer to. */
export const authSchemas = [TokenForm, Token, TokenReference, Revocation, Introspection, Jwks, Metadata]

/** Maximum number of clients that are kept in memory. */
const maxClients = 1_000
/** Maximum number of tokens that are kept in memory. */
const maxTokens = 20_000
/** Maximum length of these tokens in all (bytes). */
const maxTokenBytes = 32 * 2 ** 20

/** Everything about signing in: the keys, `app.authenticate` for the scopes that need a caller, the OAuth endpoints. */
export async function registerAuth(app: FastifyInstance, config: Config): Promise<void> {
  app.decorate('readMacKey', registerMacKey(app, config))
  registerPasswords(app, config, app.readMacKey)
  const context = await openContext(app, config)
  app.decorate('openKeys', async function openKeys() {
    await app.readMacKey()
    await context.keyRing.open()
  })
  app.decorate('authenticate', makeAuthenticate(context))
  app.decorate('authenticateForOwner', makeAuthenticateForOwner(context))
  for (const name of ['currentUser', 'callerSubject', 'owner']) app.decorateRequest(name)

  await app.register(async function oauthEndpoints(scope) {
    await readForms(scope)
    for (const endpoint of [tokenEndpoint, revocationEndpoint, introspectionEndpoint])
      await scope.register(endpoint, context)
  })
  for (const document of [jwksEndpoint, metadataEndpoint]) await app.register(document, context)
}

async function openContext(app: FastifyInstance, config: Config): Promise<AuthContext> {
  const { jwtSecret, issuer: iss, audience: aud } = config
  const { database, passwords, readMacKey, changes } = app
  return {
    config,
    database,
    passwords,
    readMacKey,
    keyRing: jwtSecret ? await openSharedSecret(jwtSecret) : registerKeyRing(app, config),
    issuer: jwtSecret ? null : { iss, aud },
    changes,
    clients: createInvalidatingCache(changes, maxClients),
    verified: new LRUCache({
      max: maxTokens,
      maxSize: maxTokenBytes,
      sizeCalculation: (_access, token) => token.length,
    }),
    standings: createInvalidatingCache(changes, maxTokens),
  }
}
