import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { sourceOf } from '../audit/event.js'
import { ServiceError } from '../errors.js'
import { claimsFor } from './access-token.js'
import { authenticateClient } from './clients/authenticate-client.js'
import type { AuthContext } from './context.js'
import { loadClient } from './current.js'
import { isDisabled, stillCounts } from './effective.js'
import { type Form, refuseRepeated } from './form.js'
import type { Granted, TokenParameters } from './grants/grant.js'
import { grants } from './grants/index.js'
import { issueToken } from './operations.js'
import { isSameScope } from './scope.js'
import { OutdatedHolder } from './status/allocator.js'
import { type Client, firstPartyId } from './store/clients.js'
import { type Token, TokenForm } from './token-schema.js'

/** Registers the token endpoint (RFC 6749 §3.2). */
export const tokenEndpoint: FastifyPluginAsyncTypebox<AuthContext> = async function tokenEndpoint(
  app,
  context,
) {
  app.post(
    '/token',
    { schema: { ...issueToken }, attachValidation: true, preValidation: [flagOAuthRequest, checkResource] },
    async function handleTokenRequest(request) {
      const parameters = readParameters(request)
      const grantType = chooseGrant(parameters, context.config.allowedGrants)
      if (grantType === 'password' && request.validationError) throw request.validationError
      const client = await findRequestClient(request, parameters, grantType, context)
      const grant = (decided: Client) => grants[grantType](parameters, decided, context, sourceOf(request))
      const granted = await grantCurrent(client, grant, context)
      return signToken(granted, parameters.scope, context)
    },
  )
}

/** Marks a request without a `grant_type` as the tutorial's, which gets the tutorial's errors. */
async function flagOAuthRequest(request: FastifyRequest): Promise<void> {
  request.isOAuthRequest = 'grant_type' in (request.body as Form)
}

/**
 * Refuses a repeated `resource`, as a token has one audience (RFC 8707 §2 allows more). The tutorial's login ignores the
 * parameter.
 *
 * @throws ServiceError `invalid_target`
 */
async function checkResource(request: FastifyRequest): Promise<void> {
  const form = request.body as Form
  if (!request.isOAuthRequest) delete form.resource
  else if (Array.isArray(form.resource)) throw new ServiceError('invalid_target')
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

/**
 * Returns the client of a request: the one that it authenticates as or names, otherwise the first party. The tutorial
 * ignores the client parameters of a login, so they count only with a `grant_type`.
 *
 * @throws ServiceError `invalid_client`, `ambiguous_client`, `unauthorized_client`
 */
async function findRequestClient(
  request: FastifyRequest,
  parameters: TokenParameters,
  grantType: string,
  context: AuthContext,
): Promise<Client> {
  const credentials = { authorization: request.headers.authorization, ...parameters }
  const named = parameters.grant_type
    ? await authenticateClient(credentials, context, sourceOf(request))
    : null
  const client = named ?? (await loadClient(firstPartyId, context))
  if (!client || isDisabled(client)) throw new ServiceError('invalid_client')
  if (!client.grants.includes(grantType))
    throw new ServiceError(named ? 'unauthorized_client' : 'invalid_client')
  return client
}

/**
 * Grants a request of a client. If the client or the resource changes before a block of status list entries is leased, it decides once
 * more.
 */
async function grantCurrent(
  client: Client,
  grant: (decided: Client) => Promise<Granted>,
  context: AuthContext,
): Promise<Granted> {
  try {
    return await grant(client)
  } catch (error) {
    if (!(error instanceof OutdatedHolder)) throw error
    const changed = await loadClient(client.clientId, context)
    if (!stillCounts(client, changed)) throw new ServiceError('invalid_client')
    return grant(changed)
  }
}

/** Signs the access token of a grant. The response has the scope if it differs from the requested one (RFC 6749 §5.1). */
async function signToken(
  granted: Granted,
  requestedScope: string | undefined,
  { config, keyRing, issuer }: AuthContext,
): Promise<Static<typeof Token>> {
  const ttlSeconds = granted.ttlSeconds ?? config.accessTokenTtlSeconds
  const claims = claimsFor(granted, issuer, randomUUID(), Date.now() / 1000, ttlSeconds)
  const key = await keyRing.signer()
  return {
    access_token: key.sign(claims),
    token_type: 'bearer',
    expires_in: ttlSeconds,
    ...(!isSameScope(granted.scope, requestedScope ?? '') && { scope: granted.scope }),
    ...(granted.refreshToken && { refresh_token: granted.refreshToken }),
  }
}
