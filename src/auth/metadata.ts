import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import type { Config } from '../config/index.js'
import type { Metadata } from './discovery-schema.js'
import { readMetadata } from './operations.js'
import { userScopes } from './scope.js'

/** Settings that the metadata publishes. */
export type MetadataConfig = Pick<
  Config,
  'issuer' | 'jwtSecret' | 'signingAlgorithm' | 'allowedGrants' | 'jwksMaxAgeSeconds'
>

/** Registers the authorization server metadata (RFC 8414), from which clients configure themselves. */
export const metadataEndpoint: FastifyPluginAsyncTypebox<{ config: MetadataConfig }> =
  async function metadataEndpoint(app, { config }) {
    const metadata = describeServer(config)

    app.get(
      '/.well-known/oauth-authorization-server',
      { schema: { ...readMetadata } },
      async function serveMetadata(_request, reply) {
        reply.header('cache-control', `public, max-age=${config.jwksMaxAgeSeconds}`)
        return metadata
      },
    )
  }

const withSecret = ['client_secret_basic', 'client_secret_post']
const withOrWithoutSecret = [...withSecret, 'none']

function describeServer(config: MetadataConfig): Static<typeof Metadata> {
  const { issuer, jwtSecret, signingAlgorithm, allowedGrants } = config
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    ...(jwtSecret === undefined && { jwks_uri: `${issuer}/.well-known/jwks.json` }),
    scopes_supported: [...userScopes],
    response_types_supported: [],
    grant_types_supported: [...allowedGrants],
    token_endpoint_auth_methods_supported: withOrWithoutSecret,
    revocation_endpoint: `${issuer}/revoke`,
    revocation_endpoint_auth_methods_supported: withOrWithoutSecret,
    introspection_endpoint: `${issuer}/introspect`,
    introspection_endpoint_auth_methods_supported: withSecret,
    access_token_signing_alg_values_supported: [jwtSecret === undefined ? signingAlgorithm : 'HS256'],
    service_documentation: `${issuer}/docs`,
  }
}
