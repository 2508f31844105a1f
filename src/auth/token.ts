import { randomUUID } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { sourceOf } from '../audit/event.js'
import { ServiceError } from '../errors.js'
import type { Sparse } from '../http/schema.js'
import { claimsFor } from './access-token.js'
import { authenticateClient } from './clients/authenticate-client.js'
import type { AuthContext } from './context.js'
import { loadClient } from './current.js'
import { isDisabled, stillCounts } from './effective.js'
import { type Form, refuseRepeated } from './form.js'
import type { Granted, TokenParameters } from './grants/grant.js'
import { grants } from './grants/index.js'
import { compileLoginValidator } from './login-form.js'
import { issueToken } from './operations.js'
import { isSameScope } from './scope.js'
import { OutdatedHolder } from './status/outdated-holder.js'
import { type Client, firstPartyId } from './store/clients.js'
import { countTokenRequests } from './token-metrics.js'
import { type Token, TokenForm } from './token-schema.js'

/** Registers the token endpoint (RFC 6749 §3.2). */
export const tokenEndpoint: FastifyPluginAsyncTypebox<AuthContext> = async function tokenEndpoint(
  app,
  context,
) {
  const noteClient = countTokenRequests(app, context)
  app.post(
    '/token',
    {
      schema: { ...issueToken },
      validatorCompiler: compileLoginValidator,
      attachValidation: true,
      preValidation: [flagOAuthRequest, checkResource],
    },
    async function handleTokenRequest(request) {
      const parameters = readParameters(request)
      const grantType = chooseGrant(parameters, context.config.allowedGrants)
      if (request.validationError) throw request.validationError
      const client = await findRequestClient(request, parameters, grantType, context)
      await context.logCaller(request, { clientId: client.clientId })
      noteClient(request, client)
      const grant = (decided: Client) => grants[grantType](parameters, decided, context, sourceOf(request))
      const granted = await grantCurrent(client, grantType, grant, context)
      await context.logCaller(request, granted)
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
 * Grants a request of a client. If what it depends on changes in the meantime, as when all tokens are revoked, it decides once more,
 * from the password of the user on. A client that has authenticated has to do that again.
 *
 * @throws ServiceError `invalid_client`
 * @throws OutdatedHolder
 */
async function grantCurrent(
  client: Client,
  grantType: string,
  grant: (decided: Client) => Promise<Granted>,
  context: AuthContext,
): Promise<Granted> {
  try {
    return await grant(client)
  } catch (error) {
    if (!(error instanceof OutdatedHolder)) throw error
    const changed = await loadClient(client.clientId, context)
    if (!changed || isDisabled(changed) || !changed.grants.includes(grantType))
      throw new ServiceError('invalid_client')
    if (client.confidential && !stillCounts(client, changed)) throw error
    return grant(changed)
  }
}

/** Signs the access token of a grant. The response has the scope if it differs from the requested one (RFC 6749 §5.1). */
async function signToken(
  granted: Granted,
  requestedScope: string | undefined,
  { config, keyRing, issuer, metrics }: AuthContext,
): Promise<Sparse<Static<typeof Token>>> {
  const ttlSeconds = granted.ttlSeconds ?? config.accessTokenTtlSeconds
  const claims = claimsFor(granted, issuer, randomUUID(), Date.now() / 1000, ttlSeconds)
  const key = await keyRing.signer()
  return {
    access_token: await metrics.signing.time({}, async () => key.sign(claims)),
    token_type: 'bearer',
    expires_in: ttlSeconds,
    scope: isSameScope(granted.scope, requestedScope ?? '') ? undefined : granted.scope,
    refresh_token: granted.refreshToken,
  }
}
