import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import type { Config } from '../config/index.js'
import { assertionAlgorithms } from './clients/algorithms.js'
import type { Metadata } from './discovery-schema.js'
import { readMetadata } from './operations.js'
import { type CatalogueSource, loadCatalogue } from './resources/catalogue.js'
import { hasMetadata } from './resources/metadata-url.js'
import type { Catalogue } from './resources/resource-store.js'
import { userScopes } from './scope.js'
import { listsPath } from './status/uri.js'

/** Settings that the metadata publishes. */
export type MetadataConfig = Pick<
  Config,
  | 'issuer'
  | 'jwtSecret'
  | 'signingAlgorithm'
  | 'allowedGrants'
  | 'jwksMaxAgeSeconds'
  | 'statusLists'
  | 'documentation'
>

/** Resources as the metadata publishes them. */
type PublishedResources = Pick<Catalogue, 'enabled' | 'defaultScopes'>

/** Maximum number of protected resources in the metadata, so that its size is bounded (RFC 9728 §4). */
const maxProtectedResources = 100

/** Options of the metadata endpoint. */
export interface MetadataOptions {
  config: MetadataConfig
  source: CatalogueSource
}

/** Registers the authorization server metadata (RFC 8414), from which clients configure themselves. */
export const metadataEndpoint: FastifyPluginAsyncTypebox<MetadataOptions> = async function metadataEndpoint(
  app,
  { config, source },
) {
  /** Resources as last read, so that the metadata is available during an outage of the database. */
  let resources: PublishedResources = { enabled: [], defaultScopes: [] }

  async function readResources(): Promise<void> {
    resources = await loadCatalogue(source)
  }

  app.get(
    '/.well-known/oauth-authorization-server',
    { schema: { ...readMetadata } },
    async function serveMetadata(_request, reply) {
      reply.header('cache-control', `public, max-age=${config.jwksMaxAgeSeconds}`)
      await app.outage.unless(readResources)
      return describeServer(config, resources)
    },
  )
}

const confidentialMethods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']
const allMethods = [...confidentialMethods, 'none']

function describeServer(
  config: MetadataConfig,
  { enabled, defaultScopes }: PublishedResources,
): Static<typeof Metadata> {
  const { issuer, jwtSecret, signingAlgorithm, allowedGrants, statusLists, documentation } = config
  // Resources need published keys.
  const ofResources = jwtSecret === undefined ? defaultScopes : []
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    ...(jwtSecret === undefined && { jwks_uri: `${issuer}/.well-known/jwks.json` }),
    scopes_supported: [...userScopes, ...ofResources],
    response_types_supported: [],
    grant_types_supported: [...allowedGrants],
    token_endpoint_auth_methods_supported: allMethods,
    token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    revocation_endpoint: `${issuer}/revoke`,
    revocation_endpoint_auth_methods_supported: allMethods,
    revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    introspection_endpoint: `${issuer}/introspect`,
    introspection_endpoint_auth_methods_supported: confidentialMethods,
    introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
    access_token_signing_alg_values_supported: [jwtSecret === undefined ? signingAlgorithm : 'HS256'],
    ...(statusLists && { status_list_aggregation_endpoint: `${issuer}${listsPath}` }),
    ...(jwtSecret === undefined && {
      protected_resources: [issuer, ...enabled.filter(hasMetadata)].slice(0, maxProtectedResources),
    }),
    ...(documentation && { service_documentation: `${issuer}/docs` }),
  }
}
