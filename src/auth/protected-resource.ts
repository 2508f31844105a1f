import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import type { Config } from '../config/index.js'
import { UnknownPath } from '../errors.js'
import { splitTarget } from '../http/request-target.js'
import type { Issuer } from './access-token.js'
import type { ProtectedResource } from './discovery-schema.js'
import { readProtectedResource } from './operations.js'
import { metadataPath, metadataUrl } from './resources/metadata-url.js'
import { userScopes } from './scope.js'

/** Options of the endpoint. */
export interface ProtectedResourceOptions {
  config: Pick<Config, 'jwksMaxAgeSeconds' | 'documentation'>
  /** Null where a shared secret signs: such tokens are for no audience, so none can be requested for it. */
  issuer: Issuer | null
}

/**
 * Registers the metadata of this service as a protected resource (RFC 9728 §3), at the path of its issuer and, if its audience
 * is a URL below the issuer, also at the path of the audience.
 */
export const protectedResourceEndpoint: FastifyPluginAsyncTypebox<ProtectedResourceOptions> =
  async function protectedResourceEndpoint(app, { config, issuer }) {
    const identifiers = issuer ? ownIdentifiers(issuer) : []

    app.get(metadataPath, { schema: readProtectedResource }, serve)
    app.get(`${metadataPath}/*`, { schema: { ...readProtectedResource, hide: true } }, serve)

    async function serve({ url }: { url: string }, reply: { header(name: string, value: string): unknown }) {
      const [path] = splitTarget(url)
      const resource = identifiers.find((identifier) => new URL(metadataUrl(identifier)).pathname === path)
      if (!issuer || resource === undefined) throw new UnknownPath()
      reply.header('cache-control', `public, max-age=${config.jwksMaxAgeSeconds}`)
      return describeOwnResource(resource, issuer, config.documentation)
    }
  }

/** Returns the identifiers under which the metadata of this service is found. All of them select this service. */
function ownIdentifiers({ iss, aud }: Issuer): string[] {
  return URL.canParse(aud) && aud.startsWith(`${iss}/`) && !/[?#]/.test(aud) ? [iss, aud] : [iss]
}

/** Scopes of administrators are omitted: clients request every scope that is listed, and most users have none of those. */
function describeOwnResource(
  resource: string,
  { iss }: Issuer,
  documentation: boolean,
): Static<typeof ProtectedResource> {
  return {
    resource,
    authorization_servers: [iss],
    scopes_supported: [...userScopes],
    bearer_methods_supported: ['header'],
    resource_name: 'Latchkey',
    ...(documentation && { resource_documentation: `${iss}/docs` }),
  }
}
