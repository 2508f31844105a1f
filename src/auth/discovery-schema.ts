import { Type } from 'typebox'

const Jwk = Type.Object({
  kty: Type.Enum(['EC', 'RSA']),
  use: Type.Literal('sig'),
  alg: Type.Enum(['ES256', 'RS256']),
  kid: Type.String({ description: 'Key id, as in the header of a token.' }),
  crv: Type.Optional(Type.String()),
  x: Type.Optional(Type.String()),
  y: Type.Optional(Type.String()),
  n: Type.Optional(Type.String()),
  e: Type.Optional(Type.String()),
})

/** JWK Set of the public keys (RFC 7517 §5). The schema has no private member, so none can be serialized. */
export const Jwks = Type.Object({ keys: Type.Array(Jwk) }, { $id: 'Jwks', examples: [{ keys: [] }] })

const url = (description: string) => Type.String({ description })
const list = (description: string) => Type.Array(Type.String(), { description })

/** Authorization server metadata (RFC 8414 §2). */
export const Metadata = Type.Object(
  {
    issuer: url('The `iss` of the tokens.'),
    token_endpoint: url('URL of `POST /token`.'),
    jwks_uri: Type.Optional(url('URL of the public keys. Omitted where a shared secret signs the tokens.')),
    scopes_supported: list(
      'Scopes that a client can request for a user. Clients may have scopes of their own.',
    ),
    response_types_supported: list('Empty, as there is no authorization endpoint.'),
    grant_types_supported: list('Grant types that this deployment allows.'),
    token_endpoint_auth_methods_supported: list('Client authentication methods.'),
    revocation_endpoint: url('URL of `POST /revoke`.'),
    revocation_endpoint_auth_methods_supported: list('Client authentication methods.'),
    introspection_endpoint: url('URL of `POST /introspect`.'),
    introspection_endpoint_auth_methods_supported: list('Client authentication methods.'),
    access_token_signing_alg_values_supported: list('Signing algorithm of the access tokens.'),
    service_documentation: url('URL of the documentation.'),
  },
  { $id: 'Metadata', examples: [{ issuer: 'http://localhost:8000' }] },
)
