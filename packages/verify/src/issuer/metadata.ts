import { lifetimeFrom } from '../remote/lifetime.js'
import type { DocumentSource } from '../remote/load-document.js'
import { parseObject } from '../token/json.js'

/** Maximum size of the metadata (bytes). */
const maxBytes = 65_536

/** Settings of the metadata. */
export interface MetadataConfig {
  issuer: string
  /** Age at which the metadata is no longer used (milliseconds). */
  maxAgeMs: number
  timeoutMs: number
}

/** Describes the metadata of an issuer (RFC 8414 §3), of which only the URL of the JWK Set is kept. */
export function metadataSource({ issuer, maxAgeMs, timeoutMs }: MetadataConfig): DocumentSource<string> {
  return {
    document: 'metadata',
    url: metadataUrl(issuer),
    accept: 'application/json',
    maxBytes,
    timeoutMs,
    parse: (text) => readJwksUri(text, issuer),
    lifetimeOf: (_value, headers) => lifetimeFrom(headers, maxAgeMs),
  }
}

/** Returns the URL of the metadata: the well-known path stands before the path of the issuer (RFC 8414 §3.1). */
function metadataUrl(issuer: string): string {
  const { origin, pathname } = new URL(issuer)
  return `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`
}

/** @throws Error unless the metadata is that of the issuer (RFC 8414 §3.3), and its keys are at the same origin */
function readJwksUri(text: string, issuer: string): string {
  const metadata = parseObject(text)
  if (metadata.issuer !== issuer)
    throw new Error(`the metadata has the issuer ${JSON.stringify(metadata.issuer)}, not "${issuer}"`)
  const { jwks_uri: jwksUri } = metadata
  if (typeof jwksUri !== 'string')
    throw new Error('the metadata has no jwks_uri: with a JWT_SECRET, nobody but Latchkey can verify tokens')
  if (new URL(jwksUri).origin !== new URL(issuer).origin)
    throw new Error(`the jwks_uri ${jwksUri} is at another origin: set jwksUri if that is right`)
  return jwksUri
}
