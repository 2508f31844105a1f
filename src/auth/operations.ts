import type { FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { ref, success } from '../http/schema.js'
import { Jwks, Metadata } from './discovery-schema.js'
import { Introspection, Revocation, Token, TokenForm, TokenReference } from './token-schema.js'

// The operations of this wing as the OpenAPI document has them. `operationId` and `summary` of the first are FastAPI's.

export const issueToken = {
  operationId: 'login_for_access_token_token_post',
  summary: 'Login For Access Token',
  description:
    'Exchanges a username and a password for an access token. With a `grant_type` it is the token endpoint of OAuth 2.0: ' +
    '`refresh_token` requires the parameter of that name, `client_credentials` a confidential client.',
  tags: ['auth'],
  consumes: ['application/x-www-form-urlencoded'],
  body: ref(TokenForm),
  response: {
    200: ref(Token, success),
    ...errorResponses(
      'unsupported_grant_type',
      'repeated_parameter',
      'invalid_parameter',
      'ambiguous_client',
      'unauthorized_client',
      'invalid_refresh_token',
      'foreign_token',
      'invalid_scope',
      'incorrect_credentials',
      'too_many_attempts',
      'invalid_client',
    ),
    ...validationResponse('username'),
    ...errorResponses('internal_error', 'service_unavailable'),
  },
} satisfies FastifySchema

export const revokeToken = {
  operationId: 'revoke_token',
  summary: 'Revoke a token',
  description:
    'Revokes an access token, or a refresh token together with all tokens of the same login. The response for an unknown ' +
    'or expired token is the same. Clients can revoke only tokens that were issued to them.',
  tags: ['auth'],
  consumes: ['application/x-www-form-urlencoded'],
  body: ref(TokenReference),
  response: {
    200: ref(Revocation, success),
    ...errorResponses(
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
    'Returns whether a token is active, and its claims. The client must authenticate with a secret. It can introspect ' +
    'tokens that were issued to it, have it as an audience or have one of its own scopes, and all access tokens with the ' +
    'right `introspect`. Any other token is reported as inactive.',
  tags: ['auth'],
  consumes: ['application/x-www-form-urlencoded'],
  body: ref(TokenReference),
  response: {
    200: ref(Introspection, success),
    ...errorResponses(
      'invalid_parameter',
      'repeated_parameter',
      'ambiguous_client',
      'invalid_client',
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
  response: {
    200: ref(Jwks, success),
    304: Type.Null({ description: 'Not Modified' }),
    ...errorResponses('internal_error', 'service_unavailable'),
  },
} satisfies FastifySchema

export const readMetadata = {
  operationId: 'oauth_authorization_server',
  summary: 'Server metadata',
  description: 'The endpoints and capabilities of this server (RFC 8414).',
  tags: ['auth'],
  response: { 200: ref(Metadata, success), ...errorResponses('internal_error') },
} satisfies FastifySchema
