import type { FastifyInstance } from 'fastify'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** False where CORS_ORIGINS has no effect on the route. */
    cors?: boolean
  }
}

/** Response headers that let scripts of any origin read a response, unless its request has credentials. */
const readable = { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'etag, retry-after' }

/** Headers of the response to a preflight: any request headers may be sent, such as `If-None-Match`. */
const preflight = {
  'access-control-allow-methods': 'GET, HEAD',
  'access-control-allow-headers': '*',
  'access-control-max-age': '600',
}

/**
 * Lets scripts of any origin read the responses of a plugin scope (CORS, Fetch Standard §3.3), whatever CORS_ORIGINS says. So
 * browsers can verify tokens. Each path also gets a route for preflights, which browsers send before a conditional request.
 */
export function allowEveryOrigin(scope: FastifyInstance): void {
  scope.addHook('onRequest', function makeReadable(_request, reply, done) {
    reply.headers(readable)
    done()
  })
  scope.addHook('onRoute', function addPreflight(route) {
    route.config = { ...route.config, cors: false }
    if (route.method !== 'GET') return
    scope.options(route.url, { schema: { hide: true } }, async function answerPreflight(_request, reply) {
      return reply.headers(preflight).code(204).send()
    })
  })
}
