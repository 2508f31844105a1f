import cors from '@fastify/cors'
import type { FastifyInstance, FastifyReply } from 'fastify'
import plugin from 'fastify-plugin'

/**
 * Headers of every response, including those of Node.js and of the router. They let browsers show a response outside of
 * frames, and nothing else: Helmet's defaults, with a stricter policy for content and frames.
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

/** Methods for which there are routes. */
export const servedMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Response headers that scripts of other origins may read. */
const exposedHeaders = ['etag', 'idempotency-replayed', 'link', 'location', 'retry-after', 'www-authenticate']

/**
 * Adds the headers that restrict browsers to every response, and lets the given origins read responses (CORS). Pages
 * that need more rights replace the headers.
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

/** Adds a request header to those that select the response (`Vary`, RFC 9110 §12.5.5). */
export function addVary(reply: FastifyReply, field: string): void {
  reply.header('vary', [reply.getHeader('vary') ?? [], field].flat().join(', '))
}
