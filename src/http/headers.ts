import { type IncomingMessage, ServerResponse } from 'node:http'
import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import helmet from 'helmet'

/** What scripts of other origins may read of an answer beyond its body. */
const exposedHeaders = ['etag', 'link', 'location', 'retry-after', 'www-authenticate']

/**
 * Lets browsers do no more with an answer than show it, and lets no other origin read it but those named. Pages of ours
 * that need more say so themselves.
 */
export async function registerHeaders(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  const safe = safeHeaders()
  app.addHook('onRequest', function addSafeHeaders(_request, reply, done) {
    reply.headers(safe)
    done()
  })
  if (origins.length === 0) return
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders,
    maxAge: 600,
  })
}

/** What helmet adds to every answer. It is the same each time, so it is worked out once. */
function safeHeaders() {
  const request = {} as IncomingMessage
  const response = new ServerResponse(request)
  const addHeaders = helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
  })
  addHeaders(request, response, () => {})
  return response.getHeaders()
}
