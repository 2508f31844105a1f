import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import type { Config } from '../config/index.js'
import { errorResponses } from '../http/error-responses.js'
import { ref, success } from '../http/schema.js'
import type { AuthContext } from './context.js'
import { userScopes } from './scope.js'

const url = (description: string) => Type.String({ description })
const list = (description: string) => Type.Array(Type.String(), { description })

/** Authorization server metadata, RFC 8414 §2. */
export const Metadata = Type.Object(
  {
    issuer: url('The `iss` of the tokens.'),
    token_endpoint: url('`POST /token`.'),
    jwks_uri: Type.Optional(url('The public keys; left out where a shared secret signs.')),
    scopes_supported: list('What a user can be asked for. Clients may have scopes of their own.'),
    response_types_supported: list('None: there is no authorization endpoint.'),
    grant_types_supported: list('What this deployment allows.'),
    token_endpoint_auth_methods_supported: list('How a client authenticates.'),
    revocation_endpoint: url('`POST /revoke`.'),
    revocation_endpoint_auth_methods_supported: list('How a client authenticates.'),
    introspection_endpoint: url('`POST /introspect`.'),
    introspection_endpoint_auth_methods_supported: list('How a client authenticates.'),
    access_token_signing_alg_values_supported: list('The algorithm of the access tokens.'),
    service_documentation: url('Where people read on.'),
  },
  { $id: 'Metadata', examples: [{ issuer: 'http://localhost:8000' }] },
)

const withSecret = ['client_secret_basic', 'client_secret_post']

/** What clients configure themselves from (RFC 8414). */
export const metadataEndpoint: FastifyPluginAsyncTypebox<AuthContext> = async function metadata(
  app,
  { config },
) {
  const document = describe(config)

  app.get(
    '/.well-known/oauth-authorization-server',
    {
      schema: {
        operationId: 'oauth_authorization_server',
        summary: 'Server metadata',
        description: 'Where the endpoints are and what they take.',
        tags: ['auth'],
        response: { 200: ref(Metadata, success), ...errorResponses('internal_error') },
      },
    },
    async function serveMetadata(_request, reply) {
      reply.header('cache-control', `public, max-age=${config.jwksMaxAgeSeconds}`)
      return document
    },
  )
}

function describe(config: Config): Static<typeof Metadata> {
  const { issuer, jwtSecret, signingAlgorithm, allowedGrants } = config
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    ...(jwtSecret === undefined && { jwks_uri: `${issuer}/.well-known/jwks.json` }),
    scopes_supported: [...userScopes],
    response_types_supported: [],
    grant_types_supported: [...allowedGrants],
    token_endpoint_auth_methods_supported: [...withSecret, 'none'],
    revocation_endpoint: `${issuer}/revoke`,
    revocation_endpoint_auth_methods_supported: [...withSecret, 'none'],
    introspection_endpoint: `${issuer}/introspect`,
    introspection_endpoint_auth_methods_supported: withSecret,
    access_token_signing_alg_values_supported: [jwtSecret === undefined ? signingAlgorithm : 'HS256'],
    service_documentation: `${issuer}/docs`,
  }
}
