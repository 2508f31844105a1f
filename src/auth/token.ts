import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Config } from '../config.js'
import { errorResponses, ServiceError, validationResponse } from '../errors.js'
import { ref, success } from '../schema.js'
import { claimsFor } from './access-token.js'
import type { Form } from './form.js'
import { grantPassword } from './grants/password.js'
import { Token, TokenForm } from './schema.js'

/** The grants of `POST /token`. A form that names none asks, like the tutorial's, for the first. */
const grants = { password: grantPassword }

/** The token endpoint (RFC 6749 §3.2). */
export const token: FastifyPluginAsyncTypebox<{ config: Config }> = async function token(app, { config }) {
  app.addSchema(TokenForm)
  app.addSchema(Token)

  app.post(
    '/token',
    {
      schema: {
        operationId: 'login_for_access_token_token_post',
        summary: 'Login For Access Token',
        description: 'Trades a name and a password for an access token.',
        tags: ['auth'],
        consumes: ['application/x-www-form-urlencoded'],
        body: ref(TokenForm),
        response: {
          200: ref(Token, success),
          ...errorResponses('unsupported_grant_type', 'repeated_parameter', 'incorrect_credentials'),
          ...validationResponse('username'),
          ...errorResponses('internal_error', 'service_unavailable'),
        },
      },
      preValidation: [refuseRepeatedParameters, requireSupportedGrant],
    },
    async function issueToken({ body }, reply) {
      const subject = await grants.password(body, config, app.database)
      const claims = claimsFor(subject, Date.now() / 1000, config.accessTokenTtlSeconds)
      reply.headers({ 'cache-control': 'no-store', pragma: 'no-cache' })
      return {
        access_token: app.jwt.sign(claims),
        token_type: 'bearer' as const,
        expires_in: config.accessTokenTtlSeconds,
      }
    },
  )
}

/** RFC 6749 §3.2: request parameters must not be included more than once. Unknown ones are ignored. */
async function refuseRepeatedParameters(request: FastifyRequest): Promise<void> {
  const form = request.body as Form
  request.speaksOAuth = 'grant_type' in form
  if (Object.keys(TokenForm.properties).some((name) => Array.isArray(form[name])))
    throw new ServiceError('repeated_parameter')
}

async function requireSupportedGrant(request: FastifyRequest): Promise<void> {
  const { grant_type = 'password' } = request.body as Form
  if (!Object.hasOwn(grants, String(grant_type))) throw new ServiceError('unsupported_grant_type')
}
