import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { sourceOf } from '../audit/event.js'
import { ServiceError } from '../errors.js'
import { errorResponses } from '../http/error-responses.js'
import { ref, success } from '../http/schema.js'
import { authenticateClient } from './client-authentication.js'
import type { AuthContext } from './context.js'
import { type Form, refuseRepeated } from './form.js'
import { fingerprint } from './secrets.js'
import { firstPartyId } from './store/clients.js'
import { findRefreshToken, revokeFamily } from './store/families.js'
import { revokeAccessToken } from './store/subjects.js'
import { Revocation, TokenReference } from './token-schema.js'
import { verifyAccessToken } from './verify.js'

/** The revocation endpoint (RFC 7009). */
export const revocationEndpoint: FastifyPluginAsyncTypebox<AuthContext> = async function revoke(
  app,
  context,
) {
  app.post(
    '/revoke',
    {
      attachValidation: true,
      schema: {
        operationId: 'revoke_token',
        summary: 'Revoke a token',
        description:
          'Ends an access token, or a refresh token and with it all tokens that came of the same log-in. A token that ' +
          'is not known, or no longer good, is answered the same. A client that names itself ends its own tokens only.',
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
      },
    },
    async function revokeToken(request) {
      const { body, headers, validationError } = request
      refuseRepeated(body as Form, TokenReference)
      if (validationError) throw new ServiceError('invalid_parameter')
      const credentials = { authorization: headers.authorization, ...body }
      const client = await authenticateClient(credentials, context, sourceOf(request))
      await endToken(body.token, client?.clientId ?? firstPartyId, context)
      return {}
    },
  )
}

/** RFC 7009 §2.1: the token must have been issued to the client that asks. */
async function endToken(token: string, clientId: string, context: AuthContext): Promise<void> {
  const { database, changes } = context
  const family = await findRefreshToken(fingerprint(token), database)
  if (family) {
    if (family.clientId !== clientId) throw new ServiceError('foreign_token')
    await revokeFamily(family.familyId, database)
    return changes.sync()
  }
  // So that a key which signs since a moment ago is known: what it signed must not pass for an unknown token.
  await changes.sync()
  const access = await verifyAccessToken(token, context, Date.now() / 1000)
  if (!access) return
  const { client_id: issuedTo = firstPartyId, exp } = access.claims
  if (issuedTo !== clientId) throw new ServiceError('foreign_token')
  await revokeAccessToken(access.fingerprint, exp, database)
  await changes.sync()
}
