import { isUtf8 } from 'node:buffer'
import type { JwtKey, VerifiedJws } from './keys/jwt.js'
import { userScopes } from './scope.js'

/**
 * Claims of an access token that the service acts upon (RFC 9068 §2.2). Times are in seconds since 1970. A token without
 * a `client_id` was issued elsewhere with the shared secret: its `scope`, `sid` and `gen` may be of any type and are ignored.
 */
export interface AccessTokenClaims {
  sub: string
  exp: number
  iat?: number
  jti?: string
  iss?: string
  aud?: string | string[]
  client_id?: string
  scope?: string
  /** Id of the token family, which is all tokens issued for one login. */
  sid?: string
  /** Generation of the client, in a token that the client was issued for itself. */
  gen?: number
}

/** An access token with a valid signature that has not expired. The database knows whether it was revoked. */
export interface VerifiedToken {
  claims: AccessTokenClaims
  /** Scope-tokens of its scope. */
  scope: readonly string[]
  /** Digest by which the token is revoked: of its `jti` or, without one, of its signing input. */
  fingerprint: Buffer
  /** Key id in its header. */
  kid: unknown
  /** Key that verified the signature. */
  key: JwtKey
}

/** Issuer and audience of the tokens. Tokens of a shared secret name neither, as the tutorial's do not. */
export interface Issuer {
  iss: string
  aud: string
}

/**
 * Audience of the token that the tutorial's login gives to a disabled user. No service has this name. The guards of this
 * service accept the token only to answer `inactive_user`.
 */
export const nobody = 'latchkey:nobody'

/** Subject, client and scope of a new access token. */
export interface Grant {
  sub: string
  clientId: string
  scope: string
  sid?: string
  gen?: number
  /** Whether the audience is `nobody`. */
  isForNobody?: boolean
}

/**
 * Returns the claims of a new token (RFC 9068 §2.2).
 *
 * @param now seconds since 1970
 */
export function claimsFor(
  { sub, clientId, scope, sid, gen, isForNobody }: Grant,
  issuer: Issuer | null,
  jti: string,
  now: number,
  ttlSeconds: number,
): AccessTokenClaims {
  const iat = Math.floor(now)
  return {
    ...(issuer && { iss: issuer.iss, aud: isForNobody ? nobody : issuer.aud }),
    sub,
    exp: iat + ttlSeconds,
    iat,
    jti,
    client_id: clientId,
    ...(scope && { scope }),
    ...(sid !== undefined && { sid }),
    ...(gen !== undefined && { gen }),
  }
}

/** Returns the scope of a token. The tutorial's tokens have none and permit what every user may do. */
export function scopeOf({ client_id, scope = '' }: AccessTokenClaims): string {
  return client_id === undefined ? userScopes.join(' ') : scope
}

/** Returns the token in an Authorization header (RFC 6750 §2.1), or null without one or with another scheme. */
export function readBearerToken(authorization = ''): string | null {
  const [scheme] = /^bearer(?: +|$)/i.exec(authorization) ?? []
  return scheme === undefined ? null : authorization.slice(scheme.length)
}

/**
 * Returns whether a token has three parts, each in the only canonical base64url spelling of its bytes, with a header and a payload
 * in UTF-8 (RFC 7515 §2, §3.1).
 */
export function isCanonical(token: string): boolean {
  const parts = token.split('.', 4)
  if (parts.length !== 3) return false
  const bytes = parts.map((part) => Buffer.from(part, 'base64url'))
  return (
    bytes.every((part, index) => part.toString('base64url') === parts[index]) &&
    bytes.slice(0, 2).every((part) => isUtf8(part))
  )
}

/**
 * Returns the claims of a token with a valid signature, or null unless every check passes.
 *
 * @param issuer required issuer and audience (RFC 9068 §4), or null for tokens of the shared secret
 * @param now seconds since 1970
 */
export function readClaims(
  { header, payload }: VerifiedJws,
  issuer: Issuer | null,
  now: number,
): AccessTokenClaims | null {
  if ('crit' in header || !areClaims(payload) || !isTimely(payload, now)) return null
  const isOurs = issuer ? isAccessToken(header.typ) && isFrom(issuer, payload) : isTutorialToken(payload)
  return isOurs ? payload : null
}

/** Returns whether each claim that is present has its type (RFC 7519 §4.1, RFC 9068 §2.2). */
function areClaims(claims: Record<string, unknown>): claims is Record<string, unknown> & AccessTokenClaims {
  const has = (type: string) => (name: string) => !(name in claims) || typeof claims[name] === type
  const { sub, exp, iat = 0, nbf = 0 } = claims
  return (
    typeof sub === 'string' &&
    [exp, iat, nbf].every(isNumber) &&
    ['iss', 'jti'].every(has('string')) &&
    (!('client_id' in claims) || (['client_id', 'scope', 'sid'].every(has('string')) && isGeneration(claims)))
  )
}

/** Returns whether `gen` fits the database column: an integer of 31 bits. */
function isGeneration({ gen = 0 }: Record<string, unknown>): boolean {
  return Number.isInteger(gen) && Number(gen) >= 0 && Number(gen) < 2 ** 31
}

/** Returns whether a value is a NumericDate (RFC 7519 §2): seconds, possibly with a fraction. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** Returns whether a token is within its `nbf` and `exp` (RFC 7519 §4.1.4, §4.1.5). @param now seconds since 1970 */
export function isTimely({ exp, nbf = 0 }: AccessTokenClaims & { nbf?: unknown }, now: number): boolean {
  return exp > now && Number(nbf) <= now
}

/** Returns whether `typ` is "at+jwt", with or without the prefix "application/", in any case (RFC 9068 §4). */
function isAccessToken(typ: unknown): boolean {
  return typeof typ === 'string' && /^(application\/)?at\+jwt$/i.test(typ)
}

function isFrom({ iss, aud }: Issuer, claims: AccessTokenClaims): boolean {
  const required = [claims.iat, claims.jti, claims.client_id]
  const isForUs = claims.aud === nobody || [claims.aud].flat().includes(aud)
  return claims.iss === iss && isForUs && !required.includes(undefined)
}

/** Returns whether a token of the shared secret may be the tutorial's. One with `aud` is for another service, one with `at_hash` an ID token. */
function isTutorialToken(claims: AccessTokenClaims): boolean {
  return !('aud' in claims) && !('at_hash' in claims)
}
