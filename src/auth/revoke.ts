import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { sourceOf } from '../audit/event.js'
import { ServiceError } from '../errors.js'
import { authenticateClient } from './clients/authenticate-client.js'
import type { AuthContext } from './context.js'
import { type Form, refuseRepeated } from './form.js'
import { revokeToken } from './operations.js'
import { fingerprint } from './secrets.js'
import { findEntry } from './status/token-status.js'
import { firstPartyId } from './store/clients.js'
import { revokeAccessToken, revokeFamily } from './store/revocation.js'
import { TokenReference } from './token-schema.js'
import { verifyAccessToken } from './verify.js'

/** Registers the revocation endpoint (RFC 7009). */
export const revocationEndpoint: FastifyPluginAsyncTypebox<AuthContext> = async function revocationEndpoint(
  app,
  context,
) {
  app.post(
    '/revoke',
    { schema: { ...revokeToken }, attachValidation: true },
    async function handleRevocation(request) {
      const { body, headers, validationError } = request
      refuseRepeated(body as Form, TokenReference)
      if (validationError) throw new ServiceError('invalid_parameter')
      const credentials = { authorization: headers.authorization, ...body }
      const client = await authenticateClient(credentials, context, sourceOf(request))
      const { clientId } = client ?? { clientId: firstPartyId }
      await context.logCaller(request, { clientId })
      await revoke(body.token, clientId, context)
      return {}
    },
  )
}

/** @throws ServiceError `foreign_token` unless the token was issued to this client (RFC 7009 §2.1) */
async function revoke(token: string, clientId: string, context: AuthContext): Promise<void> {
  const { database, changes, findRefreshToken } = context
  const family = await findRefreshToken(fingerprint(token))
  if (family) {
    if (family.clientId !== clientId) throw new ServiceError('foreign_token')
    await revokeFamily(family.familyId, database)
    return changes.sync()
  }
  // Loads a key that began to sign a moment ago, whose tokens would otherwise count as unknown.
  await changes.sync()
  const access = await verifyAccessToken(token, context, Date.now() / 1000)
  if (!access) return
  const { client_id: issuedTo = firstPartyId, exp, status } = access.claims
  if (issuedTo !== clientId) throw new ServiceError('foreign_token')
  await revokeAccessToken(access.fingerprint, exp, await findEntry(status, context), database)
  await changes.sync()
}
