import { VerificationError } from '../errors/verification-error.js'

/**
 * Returns the token in an `Authorization` header (RFC 6750 §2.1).
 *
 * @param scope scope-tokens that the request needs, for the challenge
 * @throws VerificationError `missing_token` without a header, and for another scheme
 */
export function readBearerToken(authorization: string | null | undefined, scope: readonly string[]): string {
  const [scheme] = /^bearer(?: +|$)/i.exec(authorization ?? '') ?? []
  if (scheme === undefined) throw new VerificationError('missing_token', { scope })
  return String(authorization).slice(scheme.length)
}
