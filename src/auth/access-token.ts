import { isUtf8 } from 'node:buffer'

/** What an access token says that we act upon. */
export interface AccessTokenClaims {
  sub: string
  /** Seconds since 1970; the token is good until then. */
  exp: number
}

/** A JWS whose signature has been found good. */
export interface VerifiedJws {
  header: unknown
  payload: unknown
}

/** The claims of a new token; `now` and `exp` are in seconds since 1970. */
export function claimsFor(sub: string, now: number, ttlSeconds: number): AccessTokenClaims {
  return { sub, exp: Math.floor(now) + ttlSeconds }
}

/** The token in an Authorization header (RFC 6750 §2.1), or null when there is none or the scheme is another. */
export function readBearerToken(authorization = ''): string | null {
  const [scheme = '', ...rest] = authorization.split(' ')
  return scheme.toLowerCase() === 'bearer' ? rest.join(' ') : null
}

/**
 * The claims of a token, or null unless every check passes.
 *
 * @param verifySignature returns the JWS when one allowed key and algorithm signed it, else throws
 * @param now seconds since 1970
 */
export function readAccessToken(
  token: string,
  verifySignature: (token: string) => VerifiedJws,
  now: number,
): AccessTokenClaims | null {
  if (!isCanonical(token)) return null
  const jws = attempt(() => verifySignature(token))
  if (!jws || !isObject(jws.header) || 'crit' in jws.header) return null
  return isObject(jws.payload) && areGood(jws.payload, now) ? jws.payload : null
}

/** Three parts, each the one base64url text of its bytes, the first two of them in UTF-8 (RFC 7515 §2, §3.1). */
function isCanonical(token: string): boolean {
  const parts = token.split('.')
  const bytes = parts.map((part) => Buffer.from(part, 'base64url'))
  return (
    parts.length === 3 &&
    bytes.every((part, index) => part.toString('base64url') === parts[index]) &&
    bytes.slice(0, 2).every((part) => isUtf8(part))
  )
}

/** RFC 7519 §4.1. A token for an audience is not for us, and one with `at_hash` is an ID token. */
function areGood(
  claims: Record<string, unknown>,
  now: number,
): claims is Record<string, unknown> & AccessTokenClaims {
  const { sub, exp, nbf = 0, iat = 0, jti = '' } = claims
  return (
    typeof sub === 'string' &&
    isNumericDate(exp) &&
    exp > now &&
    isNumericDate(nbf) &&
    nbf <= now &&
    isNumericDate(iat) &&
    typeof jti === 'string' &&
    !('aud' in claims) &&
    !('at_hash' in claims)
  )
}

/** RFC 7519 §2: a JSON number of seconds, which may have a fraction. */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function attempt<T>(action: () => T): T | null {
  try {
    return action()
  } catch {
    return null
  }
}
