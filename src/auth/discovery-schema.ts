import { Type } from 'typebox'
import { textEnum } from '../http/schema.js'
import { assertionAlgorithms } from './clients/algorithms.js'
import { userScopes } from './scope.js'

const Jwk = Type.Object({
  kty: textEnum(['EC', 'RSA']),
  use: Type.Literal('sig'),
  alg: textEnum(['ES256', 'RS256']),
  kid: Type.String({ description: 'Key id, as in the header of a token.' }),
  crv: Type.Optional(Type.String()),
  x: Type.Optional(Type.String()),
  y: Type.Optional(Type.String()),
  n: Type.Optional(Type.String()),
  e: Type.Optional(Type.String()),
})

/** JWK Set of the public keys (RFC 7517 §5). The schema has no private member, so none can be serialized. */
export const Jwks = Type.Object({ keys: Type.Array(Jwk) }, { $id: 'Jwks', examples: [{ keys: [] }] })

/** Issuer of the examples, which show a deployment with the default settings. */
const issuer = 'http://localhost:8000'

const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt']
const exampleMetadata = {
  issuer,
  authorization_endpoint: `${issuer}/authorize`,
  token_endpoint: `${issuer}/token`,
  jwks_uri: `${issuer}/.well-known/jwks.json`,
  scopes_supported: userScopes,
  response_types_supported: [],
  grant_types_supported: ['password', 'refresh_token', 'client_credentials'],
  token_endpoint_auth_methods_supported: [...methods, 'none'],
  token_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
  revocation_endpoint: `${issuer}/revoke`,
  revocation_endpoint_auth_methods_supported: [...methods, 'none'],
  revocation_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
  introspection_endpoint: `${issuer}/introspect`,
  introspection_endpoint_auth_methods_supported: methods,
  introspection_endpoint_auth_signing_alg_values_supported: assertionAlgorithms,
  access_token_signing_alg_values_supported: ['ES256'],
  status_list_aggregation_endpoint: `${issuer}/status-lists`,
  protected_resources: [issuer],
  service_documentation: `${issuer}/docs`,
}

const url = (description: string) => Type.String({ description })
const list = (description: string) => Type.Array(Type.String(), { description })

/** Authorization server metadata (RFC 8414 §2). */
export const Metadata = Type.Object(
  {
    issuer: url('The `iss` of the tokens.'),
    authorization_endpoint: url(
      'URL of `GET /authorize`, which supports no response type. Some clients require the member.',
    ),
    token_endpoint: url('URL of `POST /token`.'),
    jwks_uri: Type.Optional(url('URL of the public keys. Omitted where a shared secret signs the tokens.')),
    scopes_supported: list(
      'Scopes that a client can request for every user: those of this service, and the default scopes of resources.',
    ),
    response_types_supported: list('Empty, as the authorization endpoint supports none.'),
    grant_types_supported: list('Grant types that this deployment allows.'),
    token_endpoint_auth_methods_supported: list('Client authentication methods.'),
    token_endpoint_auth_signing_alg_values_supported: list('Signing algorithms of client assertions.'),
    revocation_endpoint: url('URL of `POST /revoke`.'),
    revocation_endpoint_auth_methods_supported: list('Client authentication methods.'),
    revocation_endpoint_auth_signing_alg_values_supported: list('Signing algorithms of client assertions.'),
    introspection_endpoint: url('URL of `POST /introspect`.'),
    introspection_endpoint_auth_methods_supported: list('Client authentication methods.'),
    introspection_endpoint_auth_signing_alg_values_supported: list(
      'Signing algorithms of client assertions.',
    ),
    access_token_signing_alg_values_supported: list('Signing algorithm of the access tokens.'),
    status_list_aggregation_endpoint: Type.Optional(
      url(
        'URL of the list of all status lists (draft-ietf-oauth-status-list §9.1). Omitted where access tokens have no `status`.',
      ),
    ),
    protected_resources: Type.Optional(
      list(
        'Identifiers of this service and of enabled resources that are URLs (RFC 9728 §4): at most 100. Omitted where a shared secret signs the tokens.',
      ),
    ),
    service_documentation: Type.Optional(url('URL of the documentation, if it is served.')),
  },
  { $id: 'Metadata', examples: [exampleMetadata] },
)

/** Protected resource metadata (RFC 9728 §2). */
export const ProtectedResource = Type.Object(
  {
    resource: url('Identifier of this service, to be sent as `resource` in token requests.'),
    authorization_servers: list('Issuers of its access tokens.'),
    scopes_supported: list('Scopes that a client can request for every user.'),
    bearer_methods_supported: list('Ways to send an access token.'),
    resource_name: Type.String({ description: 'Name of this service.' }),
    resource_documentation: Type.Optional(url('URL of the documentation, if it is served.')),
  },
  {
    $id: 'ProtectedResource',
    examples: [
      {
        resource: issuer,
        authorization_servers: [issuer],
        scopes_supported: userScopes,
        bearer_methods_supported: ['header'],
        resource_name: 'Latchkey',
        resource_documentation: `${issuer}/docs`,
      },
    ],
  },
)
