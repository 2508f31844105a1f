import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { errorResponses, ServiceError } from '../errors.js'
import { originOf } from '../events/event.js'
import { ref, success } from '../schema.js'
import { scopeOf } from './access-token.js'
import { authenticateClient } from './client-authentication.js'
import type { AuthContext } from './context.js'
import { currentSubject } from './current.js'
import { type Form, refuseRepeated } from './form.js'
import { Introspection, TokenReference } from './schema.js'
import { fingerprint } from './secrets.js'
import { findRefreshToken } from './store/families.js'
import { verifyAccessToken } from './verify.js'

/** The introspection endpoint (RFC 7662). */
export const introspect: FastifyPluginAsyncTypebox<AuthContext> = async function introspect(app, context) {
  app.post(
    '/introspect',
    {
      attachValidation: true,
      schema: {
        operationId: 'introspect_token',
        summary: 'Introspect a token',
        description:
          'Says whether a token is good now, and what it says. For clients that authenticate with a secret; of refresh ' +
          'tokens each learns about its own.',
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
      const client = await authenticateClient(credentials, context, originOf(request))
      if (!client?.confidential) throw new ServiceError('invalid_client')
      return (
        (await describeAccessToken(body.token, context)) ??
        (await describeRefreshToken(body.token, client.clientId, context)) ?? { active: false }
      )
    },
  )
}

async function describeAccessToken(
  token: string,
  context: AuthContext,
): Promise<Static<typeof Introspection> | null> {
  const access = await verifyAccessToken(token, context, Date.now() / 1000)
  const subject = access && (await currentSubject(access, context))
  if (!subject || subject.revoked || subject.user?.disabled) return null
  const { claims } = access
  const scope = scopeOf(claims)
  return {
    ...claims,
    active: true,
    token_type: 'Bearer',
    ...(scope && { scope }),
    ...(subject.user && { username: subject.user.username }),
  }
}

async function describeRefreshToken(
  token: string,
  clientId: string,
  { database }: AuthContext,
): Promise<Static<typeof Introspection> | null> {
  const found = await findRefreshToken(fingerprint(token), database)
  if (!found?.isLive || found.isUsed || found.clientId !== clientId) return null
  const { username, scope, expiresAt } = found
  return { active: true, scope, client_id: clientId, username, sub: username, exp: expiresAt }
}
