import type { FastifyInstance, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'

/** Ignores the content type of a request without content (RFC 9110 §8.3) on routes that take no body. */
export const typesWithoutContent = plugin(ignoreTypesWithoutContent, { name: 'types-without-content' })

async function ignoreTypesWithoutContent(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', function ignoreTypeWithoutContent(request, _reply, done) {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers
    if (!takesBody(request) && length === '0' && encoding === undefined)
      delete request.headers['content-type']
    done()
  })
}

/** Sends 204 and 304 without content, content type and content length (RFC 9110 §8.6, §15.3.5, §15.4.5). */
export const noContent = plugin(sendNoContent, { name: 'no-content' })

async function sendNoContent(app: FastifyInstance): Promise<void> {
  app.addHook('onSend', function removeContent(_request, reply, payload, done) {
    if (reply.statusCode !== 204 && reply.statusCode !== 304) return done(null, payload)
    reply.removeHeader('content-type')
    done(null, null)
  })
}

/** Returns whether the route of a request takes a body, by its schema. */
export function takesBody({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.schema?.body !== undefined
}
