import { VerificationError } from '../errors/verification-error.js'
import type { JsonObject } from './json.js'

/** Claims of an access token (RFC 9068 §2.2). Times are in seconds since 1970. */
export interface AccessTokenClaims {
  iss: string
  aud: string | string[]
  sub: string
  client_id: string
  jti: string
  iat: number
  exp: number
  nbf?: number
  scope?: string
  [name: string]: unknown
}

/** Claims that an access token must have, and the time of the check. */
export interface Expectations {
  issuer: string
  /** Audiences of which the token names one. */
  audiences: readonly string[]
  /** Milliseconds since 1970. */
  now: number
  /** Maximum difference between the clocks (milliseconds). */
  clockToleranceMs: number
}

/**
 * Validates the claims of an access token (RFC 9068 §4).
 *
 * @throws VerificationError
 */
export function checkClaims(claims: JsonObject, expected: Expectations): AccessTokenClaims {
  if (!areClaims(claims)) throw new VerificationError('malformed_claims')
  if (claims.iss !== expected.issuer) throw new VerificationError('wrong_issuer')
  if (!expected.audiences.some((audience) => [claims.aud].flat().includes(audience)))
    throw new VerificationError('wrong_audience')
  checkTimes(claims, expected)
  return claims
}

/** @throws VerificationError outside of `nbf` and `exp` (RFC 7519 §4.1.4, §4.1.5) */
function checkTimes({ exp, nbf = 0 }: AccessTokenClaims, { now, clockToleranceMs }: Expectations): void {
  if (exp * 1000 + clockToleranceMs <= now) throw new VerificationError('token_expired')
  if (nbf * 1000 - clockToleranceMs > now) throw new VerificationError('token_not_yet_valid')
}

/** Returns whether each claim that RFC 9068 requires is there, and each has its type (RFC 7519 §4.1). */
function areClaims(claims: JsonObject): claims is AccessTokenClaims {
  const { iss, aud, sub, client_id, jti, iat, exp, nbf = 0, scope = '' } = claims
  return (
    [iss, sub, client_id, jti].every(isFilled) &&
    (isFilled(aud) || (Array.isArray(aud) && aud.every(isFilled))) &&
    [iat, exp, nbf].every(Number.isFinite) &&
    typeof scope === 'string'
  )
}

function isFilled(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}
