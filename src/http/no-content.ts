import { Readable } from 'node:stream'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import plugin from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether the body may be omitted. It then counts as an empty object. */
    isBodyOptional?: boolean
  }
}

/** Ignores the content type of a request without content (RFC 9110 §8.3) on routes that need no body. */
export const typesWithoutContent = plugin(ignoreTypesWithoutContent, { name: 'types-without-content' })

async function ignoreTypesWithoutContent(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', function ignoreTypeWithoutContent(request, _reply, done) {
    if (!needsBody(request) && !hasContent(request)) delete request.headers['content-type']
    done()
  })
  app.addHook('preValidation', function fillOptionalBody(request, _reply, done) {
    if (request.routeOptions.config.isBodyOptional && request.body === undefined) request.body = {}
    done()
  })
}

/** Sends 204 and 304 without content, content type and content length (RFC 9110 §8.6, §15.3.5, §15.4.5). */
export const noContent = plugin(sendNoContent, { name: 'no-content' })

async function sendNoContent(app: FastifyInstance): Promise<void> {
  app.addHook('onSend', function removeContent({ method }, reply, payload, done) {
    if (reply.statusCode !== 204 && reply.statusCode !== 304) return done(null, payload)
    reply.removeHeader('content-type')
    // Fastify measures the content of every response to HEAD, except for a stream.
    done(null, method === 'HEAD' ? Readable.from([]) : null)
  })
}

/** Returns whether a request has content, or may have it: its length can be unknown (RFC 9112 §6.3). */
export function hasContent({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': encoding } = headers
  return length !== '0' || encoding !== undefined
}

/** Returns whether the route of a request needs a body, by its schema and its configuration. */
export function needsBody({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.schema?.body !== undefined && routeOptions.config.isBodyOptional !== true
}
