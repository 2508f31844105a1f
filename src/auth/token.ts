import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import { sourceOf } from '../audit/event.js'
import { ServiceError } from '../errors.js'
import { errorResponses, validationResponse } from '../http/error-responses.js'
import { ref, success } from '../http/schema.js'
import { claimsFor } from './access-token.js'
import { authenticateClient } from './client-authentication.js'
import type { AuthContext } from './context.js'
import { loadClient } from './current.js'
import { isLockedOut } from './effective.js'
import { type Form, refuseRepeated } from './form.js'
import { grants, type TokenParameters } from './grants/index.js'
import { isSameScope } from './scope.js'
import { type Client, firstPartyId } from './store/clients.js'
import { Token, TokenForm } from './token-schema.js'

/** The token endpoint (RFC 6749 §3.2). */
export const tokenEndpoint: FastifyPluginAsyncTypebox<AuthContext> = async function token(app, context) {
  const { config, keyRing, issuer } = context

  app.post(
    '/token',
    {
      attachValidation: true,
      schema: {
        operationId: 'login_for_access_token_token_post',
        summary: 'Login For Access Token',
        description:
          'Trades a name and a password for an access token. With a `grant_type` it is the token endpoint of OAuth 2.0: ' +
          '`refresh_token` needs the parameter of that name, `client_credentials` a confidential client.',
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
      },
      preValidation: flagOAuthRequest,
    },
    async function issueToken(request) {
      const parameters = readParameters(request)
      const grantType = chooseGrant(parameters, config.allowedGrants)
      if (grantType === 'password' && request.validationError) throw request.validationError
      const client = await findRequestClient(request, parameters, grantType, context)
      const granted = await grants[grantType](parameters, client, context, sourceOf(request))
      const claims = claimsFor(granted, issuer, randomUUID(), Date.now() / 1000, config.accessTokenTtlSeconds)
      return {
        access_token: (await keyRing.signer()).sign(claims),
        token_type: 'bearer' as const,
        expires_in: config.accessTokenTtlSeconds,
        ...(!isSameScope(granted.scope, parameters.scope ?? '') && { scope: granted.scope }),
        ...(granted.refreshToken && { refresh_token: granted.refreshToken }),
      }
    },
  )
}

/** A request that names no grant type is the tutorial's, and so are the errors that answer it. */
async function flagOAuthRequest(request: FastifyRequest): Promise<void> {
  request.isOAuthRequest = 'grant_type' in (request.body as Form)
}

function readParameters({ body }: FastifyRequest): TokenParameters {
  const form = body as Form
  refuseRepeated(form, TokenForm)
  return form as TokenParameters
}

function chooseGrant(
  { grant_type = 'password' }: TokenParameters,
  allowedGrants: readonly string[],
): keyof typeof grants {
  if (!Object.hasOwn(grants, grant_type) || !allowedGrants.includes(grant_type))
    throw new ServiceError('unsupported_grant_type')
  return grant_type as keyof typeof grants
}

/** The tutorial ignores what a log-in says of its client; where nothing is said it is the first party. */
async function findRequestClient(
  request: FastifyRequest,
  { grant_type, client_id, client_secret }: TokenParameters,
  grantType: string,
  context: AuthContext,
): Promise<Client> {
  const credentials = { authorization: request.headers.authorization, client_id, client_secret }
  const named = grant_type ? await authenticateClient(credentials, context, sourceOf(request)) : null
  const client = named ?? (await loadClient(firstPartyId, context))
  if (!client || isLockedOut(client)) throw new ServiceError('invalid_client')
  if (!client.grants.includes(grantType))
    throw new ServiceError(named ? 'unauthorized_client' : 'invalid_client')
  return client
}
