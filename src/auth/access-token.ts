import { isUtf8 } from 'node:buffer'
import { userScopes } from './scope.js'

/**
 * What an access token says that we act upon (RFC 9068 §2.2). Its times are in seconds since 1970. A token without a
 * `client_id` was issued elsewhere with the shared secret: its `scope`, `sid` and `gen`, of whatever type, are not ours.
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
  /** Names the family of tokens that came of one log-in. */
  sid?: string
  /** The generation of the client to which the token was issued for itself. */
  gen?: number
}

/** A JWS whose signature has been found good. */
export interface VerifiedJws {
  header: { typ?: unknown; crit?: unknown }
  payload: Record<string, unknown>
  /** What was signed: the token without its signature, of which there may be several good ones. */
  input: string
}

/** Who issues the tokens and for whom; tokens of the shared secret say neither, as the tutorial's do not. */
export interface Issuer {
  iss: string
  aud: string
}

/**
 * The audience of a token that is good for nothing: no service has this name, and our own guard takes such a token only
 * to answer that its user is disabled.
 */
export const nobody = 'latchkey:nobody'

/** What a grant gives a token for. */
export interface Grant {
  sub: string
  clientId: string
  scope: string
  sid?: string
  gen?: number
  /** Whether the token is good for nothing. */
  isForNobody?: boolean
}

/** The claims of a new token, RFC 9068 §2.2. `now` is in seconds since 1970. */
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

/** The scope of a token: the tutorial's have none and are good for what every user may do. */
export function scopeOf({ client_id, scope = '' }: AccessTokenClaims): string {
  return client_id === undefined ? userScopes.join(' ') : scope
}

/** The token in an Authorization header (RFC 6750 §2.1), or null when there is none or the scheme is another. */
export function readBearerToken(authorization = ''): string | null {
  const [scheme] = /^bearer(?: +|$)/i.exec(authorization) ?? []
  return scheme === undefined ? null : authorization.slice(scheme.length)
}

/** Whether it is three parts, each the one base64url text of its bytes, the first two in UTF-8 (RFC 7515 §2, §3.1). */
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
 * The claims of a token whose signature is good, or null unless every check passes.
 *
 * @param issuer who must have issued it, as RFC 9068 §4 has it; null for the tokens of the shared secret
 * @param now seconds since 1970
 */
export function readClaims(
  { header, payload }: VerifiedJws,
  issuer: Issuer | null,
  now: number,
): AccessTokenClaims | null {
  if ('crit' in header || !areClaims(payload) || !isTimely(payload, now)) return null
  const isOurs = issuer ? isAccessToken(header.typ) && isFrom(issuer, payload) : isTutorials(payload)
  return isOurs ? payload : null
}

/** RFC 7519 §4.1, RFC 9068 §2.2: each claim that is there has its type. */
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

/** A generation as the database counts them, in 32 bits. */
function isGeneration({ gen = 0 }: Record<string, unknown>): boolean {
  return Number.isInteger(gen) && Number(gen) >= 0 && Number(gen) < 2 ** 31
}

/** RFC 7519 §2: a JSON number of seconds, which may have a fraction. */
function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** Whether a token is good at this time (RFC 7519 §4.1.4, §4.1.5). */
export function isTimely({ exp, nbf = 0 }: AccessTokenClaims & { nbf?: unknown }, now: number): boolean {
  return exp > now && Number(nbf) <= now
}

/** RFC 9068 §4: "at+jwt", with or without its media type's prefix, in any case. */
function isAccessToken(typ: unknown): boolean {
  return typeof typ === 'string' && /^(application\/)?at\+jwt$/i.test(typ)
}

function isFrom({ iss, aud }: Issuer, claims: AccessTokenClaims): boolean {
  const required = [claims.iat, claims.jti, claims.client_id]
  const isForUs = claims.aud === nobody || [claims.aud].flat().includes(aud)
  return claims.iss === iss && isForUs && !required.includes(undefined)
}

/** A token for an audience is not for us, and one with `at_hash` is an ID token. */
function isTutorials(claims: AccessTokenClaims): boolean {
  return !('aud' in claims) && !('at_hash' in claims)
}
