import type { Issuer, VerifiedToken } from '../access-token.js'
import { withPath } from './identifier.js'

/** Returns whether a resource that a request names is this service: by its audience or by its issuer. */
export function isOwnAudience(resource: string, issuer: Issuer | null): boolean {
  return issuer !== null && [issuer.aud, issuer.iss].map(withPath).includes(withPath(resource))
}

/**
 * Returns whether a verified token is for a resource.
 *
 * @param resource identifier of the resource; null for this service
 */
export function isForResource(
  { audience }: Pick<VerifiedToken, 'audience'>,
  resource: string | null,
  issuer: Issuer | null,
): boolean {
  if (resource === null || isOwnAudience(resource, issuer)) return audience === null
  return audience !== null && withPath(audience) === withPath(resource)
}
