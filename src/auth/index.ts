import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { LRUCache } from 'lru-cache'
import type { Config } from '../config/index.js'
import { createInvalidatingCache } from '../database/changes/cache.js'
import { allowEveryOrigin } from '../http/every-origin.js'
import type { CacheName } from '../metrics/catalogue/tokens.js'
import type { Metrics } from '../metrics/index.js'
import { createAuthenticate, createAuthenticateForOwner } from './authenticate.js'
import { authorizationEndpoint } from './authorize.js'
import { createCallerLog } from './caller-log.js'
import { createKeySets } from './clients/key-sets.js'
import type { AuthContext, OAuthConfig } from './context.js'
import { Jwks, Metadata, ProtectedResource } from './discovery-schema.js'
import { readForms } from './form.js'
import { forwardAuthEndpoint } from './forward-auth.js'
import { introspectionEndpoint } from './introspect.js'
import { jwksEndpoint } from './jwks.js'
import { type KeyRingConfig, openSharedSecret, registerKeyRing } from './keys/ring.js'
import { type MetadataConfig, metadataEndpoint } from './metadata.js'
import { protectedResourceEndpoint } from './protected-resource.js'
import { revocationEndpoint } from './revoke.js'
import { createStatusAllocator } from './status/allocator.js'
import { registerLostScopes } from './status/lost-scopes.js'
import { statusListEndpoints } from './status/routes.js'
import { createStatusLists } from './status/status-lists.js'
import { statusSchemas } from './status/status-schema.js'
import { createRefreshTokenFinder } from './store/refresh-tokens.js'
import { tokenEndpoint } from './token.js'
import { Introspection, Revocation, Token, TokenForm, TokenReference } from './token-schema.js'

export { requireOwner, requireUser } from './authenticate.js'

declare module 'fastify' {
  interface FastifyInstance {
    /** Reads all keys. Without a call the first use does it. @throws OperatorError when a key cannot be decrypted */
    openKeys(): Promise<void>
  }
}

/** Settings of this wing. */
export type AuthConfig = OAuthConfig &
  KeyRingConfig &
  MetadataConfig &
  Pick<Config, 'audience' | 'statusLists'>

/** Schemas that the routes refer to. */
export const authSchemas = [
  TokenForm,
  Token,
  TokenReference,
  Revocation,
  Introspection,
  Jwks,
  Metadata,
  ProtectedResource,
  ...statusSchemas,
]

type Caches = Pick<AuthContext, 'clients' | 'resources' | 'standings' | 'verified' | 'noteLookUp'>

/** Maximum number of clients in memory. */
const maxClients = 1_000
/** Maximum number of tokens in memory. */
const maxTokens = 20_000
/** Maximum total length of these tokens (bytes). */
const maxTokenBytes = 32 * 2 ** 20

/** Registers the key ring, the guards `app.authenticate` and `app.authenticateForOwner`, and the OAuth endpoints. */
export const auth = plugin(registerAuth, {
  name: 'auth',
  dependencies: ['passwords', 'error-handling', 'metrics'],
})

async function registerAuth(app: FastifyInstance, { config }: { config: AuthConfig }): Promise<void> {
  const context = await createContext(app, config)
  app.decorate('openKeys', async function openKeys() {
    await app.readMacKey()
    await context.keyRing.open()
  })
  app.decorate('authenticate', createAuthenticate(context))
  app.decorate('authenticateForOwner', createAuthenticateForOwner(context))
  for (const name of ['currentUser', 'callerSubject', 'owner']) app.decorateRequest(name)

  await app.register(async function oauthEndpoints(scope) {
    await readForms(scope)
    await scope.register(tokenEndpoint, context)
    await scope.register(revocationEndpoint, context)
    await scope.register(introspectionEndpoint, context)
  })
  await app.register(forwardAuthEndpoint, context)
  await app.register(async function publicDocuments(scope) {
    allowEveryOrigin(scope)
    await scope.register(jwksEndpoint, { config, keyRing: context.keyRing })
    await scope.register(metadataEndpoint, { config, source: context })
    await scope.register(protectedResourceEndpoint, { config, issuer: context.issuer })
    await scope.register(statusListEndpoints, {
      lists: config.statusLists
        ? createStatusLists(app, { issuer: config.issuer, keyRing: context.keyRing })
        : null,
    })
  })
  await app.register(authorizationEndpoint)
  if (context.statusAllocator) registerLostScopes(app)
}

async function createContext(app: FastifyInstance, config: AuthConfig): Promise<AuthContext> {
  const { jwtSecret, issuer: iss, audience: aud, statusLists } = config
  const { database, passwords, readMacKey, changes, metrics } = app
  return {
    config,
    database,
    passwords,
    readMacKey,
    keyRing: jwtSecret ? await openSharedSecret(jwtSecret) : registerKeyRing(app, config),
    issuer: jwtSecret ? null : { iss, aud },
    findRefreshToken: createRefreshTokenFinder(database),
    changes,
    logCaller: createCallerLog(app),
    metrics,
    statusAllocator: statusLists ? createStatusAllocator({ database, changes, metrics }) : null,
    keySets: createKeySets(app.log),
    ...createCaches(app),
  }
}

/** Creates the caches of the OAuth endpoints and the guards. */
function createCaches({ changes, metrics }: FastifyInstance): Caches {
  const counter = (cache: CacheName) => createLookUpCounter(cache, metrics)
  const clients: Caches['clients'] = createInvalidatingCache(changes, maxClients, counter('clients'))
  const resources: Caches['resources'] = createInvalidatingCache(changes, 1, counter('resources'))
  const standings: Caches['standings'] = createInvalidatingCache(changes, maxTokens, counter('standings'))
  const verified: Caches['verified'] = new LRUCache({
    max: maxTokens,
    maxSize: maxTokenBytes,
    sizeCalculation: (_access, token) => token.length,
  })
  metrics.cacheEntries.observe({ cache: 'clients' }, clients.size)
  metrics.cacheEntries.observe({ cache: 'resources' }, resources.size)
  metrics.cacheEntries.observe({ cache: 'standings' }, standings.size)
  metrics.cacheEntries.observe({ cache: 'verified_tokens' }, () => verified.size)
  return { clients, resources, standings, verified, noteLookUp: counter('verified_tokens') }
}

function createLookUpCounter(cache: CacheName, { cacheRequests }: Metrics): (isHit: boolean) => void {
  const countHit = cacheRequests.counterOf({ cache, result: 'hit' })
  const countMiss = cacheRequests.counterOf({ cache, result: 'miss' })
  return (isHit) => (isHit ? countHit() : countMiss())
}
