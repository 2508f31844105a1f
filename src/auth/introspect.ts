import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { sourceOf } from '../audit/event.js'
import { ServiceError } from '../errors.js'
import type { Sparse } from '../http/schema.js'
import { authenticateClient } from './clients/authenticate-client.js'
import type { AuthContext } from './context.js'
import { loadStanding, readStanding } from './current.js'
import { effective, visibleScope } from './effective.js'
import { type Form, refuseRepeated } from './form.js'
import { introspectToken } from './operations.js'
import { loadServers } from './resources/catalogue.js'
import { splitScope } from './scope.js'
import { fingerprint } from './secrets.js'
import type { Client } from './store/clients.js'
import { type Introspection, TokenReference } from './token-schema.js'
import { verifyAccessToken } from './verify.js'

/** Registers the introspection endpoint (RFC 7662). */
export const introspectionEndpoint: FastifyPluginAsyncTypebox<AuthContext> =
  async function introspectionEndpoint(app, context) {
    app.post(
      '/introspect',
      { schema: { ...introspectToken }, attachValidation: true },
      async function handleIntrospection(request) {
        const { body, headers, validationError } = request
        refuseRepeated(body as Form, TokenReference)
        if (validationError) throw new ServiceError('invalid_parameter')
        const credentials = { authorization: headers.authorization, ...body }
        const client = await authenticateClient(credentials, context, sourceOf(request))
        if (!client?.confidential) throw new ServiceError('invalid_client')
        await context.logCaller(request, client)
        const active =
          (await describeAccessToken(body.token, client, context)) ??
          (await describeRefreshToken(body.token, client, context))
        context.metrics.tokenChecks.add({ place: 'introspection', result: active ? 'ok' : 'invalid' })
        return active ?? { active: false }
      },
    )
  }

/**
 * Describes an active access token that concerns the client; null for any other. A token that does not concern the client
 * takes as much work as an inactive one, so that response times do not reveal which it is.
 */
async function describeAccessToken(
  token: string,
  client: Client,
  context: AuthContext,
): Promise<Sparse<Static<typeof Introspection>> | null> {
  const access = await verifyAccessToken(token, context, Date.now() / 1000)
  if (!access) return null
  const visible = visibleScope(access, client, await loadServers(access.audience, context))
  const standing = visible
    ? await loadStanding(access, context)
    : (await readStanding(access, context.database)).value
  if (!visible || !standing.active) return null
  const scope = visible.filter((one) => standing.scope.includes(one))
  if (visible.length > 0 && scope.length === 0) return null
  const { client_id, exp, iat, sub, aud, iss, jti } = access.claims
  return {
    active: true,
    scope: scope.length > 0 ? scope.join(' ') : undefined,
    client_id,
    username: standing.user?.username,
    token_type: 'Bearer',
    exp,
    iat,
    sub,
    aud,
    iss,
    jti,
  }
}

/** Describes an active refresh token of the client; null for any other. */
async function describeRefreshToken(
  token: string,
  { clientId }: Client,
  { findRefreshToken }: AuthContext,
): Promise<Static<typeof Introspection> | null> {
  const found = await findRefreshToken(fingerprint(token))
  if (!found?.isTimely || found.isUsed || found.clientId !== clientId) return null
  const { username, facts, expiresAt } = found
  const access = { claims: { client_id: clientId }, scope: splitScope(found.scope) }
  const { active, scope } = effective(access, facts)
  if (!active) return null
  return { active, scope: scope.join(' '), client_id: clientId, username, sub: username, exp: expiresAt }
}
