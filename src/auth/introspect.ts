import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { sourceOf } from '../audit/event.js'
import { ServiceError } from '../errors.js'
import { errorResponses } from '../http/error-responses.js'
import { ref, success } from '../http/schema.js'
import { authenticateClient } from './client-authentication.js'
import type { AuthContext } from './context.js'
import { loadStanding, readStanding } from './current.js'
import { effective, visibleScope } from './effective.js'
import { type Form, refuseRepeated } from './form.js'
import { splitScope } from './scope.js'
import { fingerprint } from './secrets.js'
import type { Client } from './store/clients.js'
import { findRefreshToken } from './store/families.js'
import { Introspection, TokenReference } from './token-schema.js'
import { verifyAccessToken } from './verify.js'

/** The introspection endpoint (RFC 7662). */
export const introspectionEndpoint: FastifyPluginAsyncTypebox<AuthContext> = async function introspect(
  app,
  context,
) {
  app.post(
    '/introspect',
    {
      attachValidation: true,
      schema: {
        operationId: 'introspect_token',
        summary: 'Introspect a token',
        description:
          'Says whether a token is good now, and what it says, to a client that authenticates with a secret. The client is ' +
          'told about tokens that were issued to it, have it as their audience or have one of its own scopes, and about ' +
          'all access tokens if it has the right `introspect`. Any other token is answered as one that is not active.',
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
      },
    },
    async function introspectToken(request) {
      const { body, headers, validationError } = request
      refuseRepeated(body as Form, TokenReference)
      if (validationError) throw new ServiceError('invalid_parameter')
      const credentials = { authorization: headers.authorization, ...body }
      const client = await authenticateClient(credentials, context, sourceOf(request))
      if (!client?.confidential) throw new ServiceError('invalid_client')
      return (
        (await describeAccessToken(body.token, client, context)) ??
        (await describeRefreshToken(body.token, client, context)) ?? { active: false }
      )
    },
  )
}

/** A token that does not concern the client takes as much work as one that is not active, so that time tells neither. */
async function describeAccessToken(
  token: string,
  client: Client,
  context: AuthContext,
): Promise<Static<typeof Introspection> | null> {
  const access = await verifyAccessToken(token, context, Date.now() / 1000)
  if (!access) return null
  const visible = visibleScope(access, client)
  const standing = visible ? await loadStanding(access, context) : (await readStanding(access, context)).value
  if (!visible || !standing.active) return null
  const scope = visible.filter((one) => standing.scope.includes(one))
  if (visible.length > 0 && scope.length === 0) return null
  const { scope: _, ...claims } = access.claims
  return {
    ...claims,
    active: true,
    token_type: 'Bearer',
    ...(scope.length > 0 && { scope: scope.join(' ') }),
    ...(standing.user && { username: standing.user.username }),
  }
}

async function describeRefreshToken(
  token: string,
  { clientId }: Client,
  { database }: AuthContext,
): Promise<Static<typeof Introspection> | null> {
  const found = await findRefreshToken(fingerprint(token), database)
  if (!found?.isTimely || found.isUsed || found.clientId !== clientId) return null
  const { username, facts, expiresAt } = found
  const { active, scope } = effective(
    { claims: { client_id: clientId }, scope: splitScope(found.scope) },
    facts,
  )
  if (!active) return null
  return { active, scope: scope.join(' '), client_id: clientId, username, sub: username, exp: expiresAt }
}
