import { fetchJson } from '../../http/safe-fetch/fetch-json.js'

/** Source of public keys: a stored JWK Set, the URL of one, or the metadata of an issuer. */
export interface KeySource {
  jwks: unknown
  jwksUri: string | null
  /** Issuer whose metadata names the URL, if there is no other source. */
  issuer?: string
  allowPrivateHost: boolean
  ca: string | null
}

/**
 * Fetches the JWK Set of a source.
 *
 * @throws Error that says in one line why it cannot be fetched
 */
export async function fetchKeySet(source: KeySource): Promise<unknown> {
  const { jwksUri, issuer = '', allowPrivateHost, ca } = source
  const get = (url: string) => fetchJson({ url, allowPrivateHost, ca })
  return get(jwksUri ?? findKeySetUrl(issuer, await get(metadataUrl(issuer))))
}

/** Returns the URL of an issuer's metadata (OpenID Connect Discovery 1.0 §4). */
function metadataUrl(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

/** @throws Error when the metadata is not that of the issuer, or names no key set */
function findKeySetUrl(issuer: string, metadata: unknown): string {
  const { issuer: named, jwks_uri } = Object(metadata) as Record<string, unknown>
  if (named !== issuer || typeof jwks_uri !== 'string')
    throw new Error('the metadata of the issuer names another issuer or no jwks_uri')
  return jwks_uri
}
