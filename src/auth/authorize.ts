import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ServiceError } from '../errors.js'

/**
 * Registers the authorization endpoint (RFC 6749 §3.1). It supports no response type, and never redirects. It exists because
 * MCP clients refuse server metadata without its URL, although they do not use it with client credentials. The OpenAPI document
 * omits it, as no client can use it.
 */
export const authorizationEndpoint: FastifyPluginAsyncTypebox = async function authorizationEndpoint(app) {
  app.get('/authorize', { schema: { hide: true } }, async function refuse(request) {
    request.isOAuthRequest = true
    throw new ServiceError('unsupported_response_type')
  })
}
