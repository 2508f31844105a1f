import { isNumericDate, isType } from '../access-token.js'

/** Maximum time by which the clock that an assertion was made with may be ahead of ours (seconds). */
const leewaySeconds = 30

/** Limits of the times of an assertion, in seconds. */
export interface Lifetime {
  /** Maximum time from now to its `exp`. */
  maxRemaining: number
  /** Maximum time from its `iat` to its `exp`. */
  maxTotal: number
}

/**
 * Returns whether a JWT is valid now, and not for longer than it may be (RFC 7523 §3). A missing `iat` or `nbf` counts as now.
 * The remaining time of a JWT whose `iat` is ahead of now is measured from its `iat`.
 *
 * @param now seconds since 1970
 */
export function isWithinLifetime(
  claims: Record<string, unknown>,
  { maxRemaining, maxTotal }: Lifetime,
  now: number,
): boolean {
  const { exp, iat = now, nbf = now } = claims
  if (!isNumericDate(exp) || !isNumericDate(iat) || !isNumericDate(nbf)) return false
  return (
    exp > now &&
    exp <= Math.max(now, iat) + maxRemaining &&
    exp <= iat + maxTotal &&
    Math.max(iat, nbf) <= now + leewaySeconds
  )
}

/**
 * Returns whether a JWT is not of a type with rules of its own (RFC 8725 §3.11): its `typ` is missing, or the `JWT` that many
 * libraries set (RFC 7519 §5.1).
 */
export function isUntyped({ typ }: Record<string, unknown>): boolean {
  return typ === undefined || isType(typ, 'jwt')
}
