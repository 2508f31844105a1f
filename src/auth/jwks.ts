import { createHash } from 'node:crypto'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { errorResponses } from '../http/error-responses.js'
import { isUnchanged } from '../http/etag.js'
import { ref, success } from '../http/schema.js'
import type { AuthContext } from './context.js'

const Jwk = Type.Object({
  kty: Type.Enum(['EC', 'RSA']),
  use: Type.Literal('sig'),
  alg: Type.Enum(['ES256', 'RS256']),
  kid: Type.String({ description: 'What the header of a token names it by.' }),
  crv: Type.Optional(Type.String()),
  x: Type.Optional(Type.String()),
  y: Type.Optional(Type.String()),
  n: Type.Optional(Type.String()),
  e: Type.Optional(Type.String()),
})

/** The public keys, RFC 7517 §5. A private member has no field to travel in. */
export const Jwks = Type.Object({ keys: Type.Array(Jwk) }, { $id: 'Jwks', examples: [{ keys: [] }] })

/** What verifiers elsewhere need to check our tokens: the JWK Set (RFC 7517). */
export const jwksEndpoint: FastifyPluginAsyncTypebox<AuthContext> = async function jwks(
  app,
  { config, keyRing },
) {
  app.get(
    '/.well-known/jwks.json',
    {
      schema: {
        operationId: 'jwks',
        summary: 'Public keys',
        description:
          'The keys that verify access tokens. A key is here before it signs and for as long as a token of it lives; ' +
          'with a shared secret there are none.',
        tags: ['auth'],
        response: {
          200: ref(Jwks, success),
          304: Type.Null({ description: 'Not Modified' }),
          ...errorResponses('internal_error', 'service_unavailable'),
        },
      },
    },
    async function serveKeys({ headers }, reply) {
      const keys = await keyRing.publicJwks()
      const etag = `"${createHash('sha256').update(JSON.stringify(keys)).digest('base64url')}"`
      reply.headers({ etag, 'cache-control': `public, max-age=${config.jwksMaxAgeSeconds}` })
      if (isUnchanged(headers, etag)) return reply.code(304).send(null)
      return { keys }
    },
  )
}
