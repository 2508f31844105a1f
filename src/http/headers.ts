import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import type { FastifyInstance } from 'fastify'

/** What scripts of other origins may read of an answer beyond its body. */
const exposedHeaders = ['etag', 'link', 'location', 'retry-after', 'www-authenticate']

/**
 * Lets browsers do no more with an answer than show it, and lets no other origin read it but those named. Pages of ours
 * that need more say so themselves.
 */
export async function registerHeaders(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
    },
  })
  if (origins.length === 0) return
  await app.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders,
    maxAge: 600,
  })
}
