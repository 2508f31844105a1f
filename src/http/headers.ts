import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'

/**
 * Headers of every answer, also of those that Node.js or the router make. Browsers may show an answer, outside of any
 * frame, and nothing else.
 */
export const safeHeaders = {
  'content-security-policy': "default-src 'none';frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'origin-agent-cluster': '?1',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
  'x-content-type-options': 'nosniff',
  'x-dns-prefetch-control': 'off',
  'x-download-options': 'noopen',
  'x-frame-options': 'DENY',
  'x-permitted-cross-domain-policies': 'none',
  'x-xss-protection': '0',
} as const

/** Methods that some route takes. */
export const servedMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** What scripts of other origins may read of an answer beyond its body. */
const exposedHeaders = ['etag', 'link', 'location', 'retry-after', 'www-authenticate']

/**
 * Lets browsers do no more with an answer than show it, and lets no other origin read it but those named. Pages of ours
 * that need more say so themselves.
 */
export const responseHeaders = plugin(registerHeaders, { name: 'response-headers' })

async function registerHeaders(
  app: FastifyInstance,
  { origins }: { origins: readonly string[] },
): Promise<void> {
  app.addHook('onRequest', function addSafeHeaders(_request, reply, done) {
    reply.headers(safeHeaders)
    done()
  })
  if (origins.length === 0) return
  await app.register(cors, {
    origin: [...origins],
    methods: servedMethods,
    exposedHeaders,
    maxAge: 600,
  })
}
