import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Config } from '../config/index.js'
import { etagOfContent, isUnchanged } from '../http/etag.js'
import type { KeyRing } from './keys/ring.js'
import { readJwks } from './operations.js'

/** Options of the JWK Set endpoint. */
export interface JwksOptions {
  config: Pick<Config, 'jwksMaxAgeSeconds'>
  keyRing: KeyRing
}

/** Registers the JWK Set (RFC 7517), with which other services verify the tokens. */
export const jwksEndpoint: FastifyPluginAsyncTypebox<JwksOptions> = async function jwksEndpoint(
  app,
  { config, keyRing },
) {
  app.get(
    '/.well-known/jwks.json',
    { schema: { ...readJwks } },
    async function serveJwks({ headers }, reply) {
      const keys = await keyRing.publicJwks()
      const etag = etagOfContent(keys)
      reply.headers({ etag, 'cache-control': `public, max-age=${config.jwksMaxAgeSeconds}` })
      if (isUnchanged(headers, etag)) return reply.code(304).send(null)
      return { keys }
    },
  )
}
