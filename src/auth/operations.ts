import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { readConditions } from '../http/condition-schema.js'
import { errorResponses, oauthErrorResponses, validationResponse } from '../http/error-responses.js'
import { documentHeaders } from '../http/header-schema.js'
import { nameMethod, ref, sparseRef, success } from '../http/schema.js'
import { Jwks, Metadata, ProtectedResource } from './discovery-schema.js'
import { Introspection, Revocation, Token, TokenForm, TokenReference } from './token-schema.js'

// The operations of this wing as the OpenAPI document has them. `operationId` and `summary` of the first are FastAPI's.

/** A client may authenticate by HTTP Basic, by parameters of the form, or not at all (RFC 6749 §2.3.1). */
const security = [{}, { ClientBasic: [] }]

export const issueToken = {
  operationId: 'login_for_access_token_token_post',
  ...nameMethod('request_token'),
  summary: 'Login For Access Token',
  description:
    'Exchanges a username and a password for an access token. With a `grant_type` it is the token endpoint of OAuth 2.0: ' +
    '`refresh_token` requires the parameter of that name, `client_credentials` a confidential client.',
  tags: ['auth'],
  security,
  consumes: ['application/x-www-form-urlencoded'],
  body: ref(TokenForm),
  response: {
    200: sparseRef(Token, success),
    ...oauthErrorResponses(
      'unsupported_grant_type',
      'repeated_parameter',
      'invalid_parameter',
      'ambiguous_client',
      'unauthorized_client',
      'invalid_refresh_token',
      'foreign_token',
      'invalid_scope',
      'invalid_target',
      'incorrect_credentials',
      'too_many_attempts',
      'invalid_client',
    ),
    ...validationResponse('username'),
    ...oauthErrorResponses('internal_error', 'service_unavailable'),
  },
} satisfies FastifySchema

export const revokeToken = {
  operationId: 'revoke_token',
  summary: 'Revoke a token',
  description:
    'Revokes an access token, or a refresh token together with all tokens of the same login. The response for an unknown ' +
    'or expired token is the same. Clients can revoke only tokens that were issued to them.',
  tags: ['auth'],
  security,
  consumes: ['application/x-www-form-urlencoded'],
  body: ref(TokenReference),
  response: {
    200: ref(Revocation, success),
    ...oauthErrorResponses(
      'invalid_parameter',
      'repeated_parameter',
      'ambiguous_client',
      'foreign_token',
      'invalid_client',
      'internal_error',
      'service_unavailable',
    ),
  },
} satisfies FastifySchema

export const introspectToken = {
  operationId: 'introspect_token',
  summary: 'Introspect a token',
  description:
    'Returns whether a token is active, and its claims. The client must be confidential. It can introspect ' +
    'access tokens for the resources that it serves. Of all others it can introspect those that were issued to it, have it ' +
    'as an audience or have one of its own scopes, and with the right `introspect` every access token for this service. Any ' +
    'other token is reported as inactive.',
  tags: ['auth'],
  security,
  consumes: ['application/x-www-form-urlencoded'],
  body: ref(TokenReference),
  response: {
    200: sparseRef(Introspection, success),
    ...oauthErrorResponses(
      'invalid_parameter',
      'repeated_parameter',
      'ambiguous_client',
      'invalid_client',
      'internal_error',
      'service_unavailable',
    ),
  },
} satisfies FastifySchema

/** A header of the response to a proxy. */
const identityHeader = (description: string) => Type.String({ description })

export const verifyRequest = {
  operationId: 'verify_request',
  summary: 'Verify a request for a proxy',
  description:
    'Returns whether a request with this access token may pass, for proxies in front of services without OAuth (forward ' +
    'authentication). Accepts every method, and reads no body. A path below it means the same without parameters.',
  tags: ['auth'],
  security: [{ OAuth2PasswordBearer: [] }, { OAuth2ClientCredentials: [] }],
  querystring: Type.Object({
    resource: Type.Optional(
      Type.String({
        description:
          'Identifier of the resource that the token must be for. Without it, that is this service.',
      }),
    ),
    scope: Type.Optional(
      Type.String({ description: 'Scopes that the token must have, all of them, separated by spaces.' }),
    ),
    uri: Type.Optional(
      Type.String({ description: 'Ends the parameters: what follows is ignored, also if it has an `&`.' }),
    ),
  }),
  response: {
    204: Type.Null({
      description: 'The request may pass. The headers are percent-encoded outside printable ASCII.',
      headers: {
        'X-Latchkey-Subject': identityHeader('`sub` of the token.'),
        'X-Latchkey-User': identityHeader('Username, unless the token speaks for a client alone.'),
        'X-Latchkey-Scope': identityHeader('Scopes of the token that are still granted.'),
        'X-Latchkey-Client': identityHeader('Id of the client that the token was issued to.'),
      },
    }),
    ...errorResponses(
      'not_authenticated',
      'invalid_token',
      'invalid_verification',
      'insufficient_scope',
      'password_change_required',
      'internal_error',
      'service_unavailable',
    ),
  },
} satisfies FastifySchema

export const readJwks = {
  operationId: 'jwks',
  summary: 'Public keys',
  description:
    'The keys that verify access tokens. A key is listed before it signs and until its last token has expired. The list is ' +
    'empty where a shared secret signs.',
  tags: ['auth'],
  headers: readConditions,
  response: {
    200: ref(Jwks, { ...success, headers: documentHeaders('ETag') }),
    304: Type.Null({ description: 'Not Modified', headers: documentHeaders('ETag') }),
    ...errorResponses('precondition_failed', 'internal_error', 'service_unavailable'),
  },
} satisfies FastifySchema

export const readMetadata = {
  operationId: 'oauth_authorization_server',
  summary: 'Server metadata',
  description: 'The endpoints and capabilities of this server (RFC 8414).',
  tags: ['auth'],
  response: { 200: ref(Metadata, success), ...errorResponses('internal_error') },
} satisfies FastifySchema

export const readProtectedResource = {
  operationId: 'oauth_protected_resource',
  summary: 'Protected resource metadata',
  description:
    'What a client needs to know to get an access token for this service (RFC 9728). Where a shared secret signs, tokens ' +
    'are for no audience, and there is no metadata.',
  tags: ['auth'],
  response: { 200: ref(ProtectedResource, success), ...errorResponses('not_found', 'internal_error') },
} satisfies FastifySchema
