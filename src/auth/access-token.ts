import { isUtf8 } from 'node:buffer'
import type { Sparse } from '../http/schema.js'
import type { JwtKey, VerifiedJws } from './keys/jwt.js'
import { userScopes } from './scope.js'

/**
 * Claims of an access token that the service acts upon (RFC 9068 §2.2). Times are in seconds since 1970. Without a `client_id`
 * the token was issued elsewhere with the shared secret.
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
  /** Generation of the resource that the token is for. Tokens for this service have none. */
  rgen?: number
  /** Absent where tokens have no status. */
  status?: StatusClaim
}

/** Reference to the entry of a token in a status list (draft-ietf-oauth-status-list §6.2). */
export interface StatusClaim {
  status_list: { idx: number; uri: string }
}

/** An access token with a valid signature that has not expired. The database knows whether it was revoked. */
export interface VerifiedToken {
  claims: AccessTokenClaims
  /** Identifier of the resource that it is for; null for this service. */
  audience: string | null
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

/** Subject, client, audience and scope of a new access token. */
export interface Grant {
  sub: string
  clientId: string
  scope: string
  sid?: string
  gen?: number
  /** Claims that name the audience; undefined for this service. */
  audience?: { aud: string; rgen?: number }
  /** Lifetime of the token (seconds), unless it is that of tokens for this service. */
  ttlSeconds?: number | null
  status?: StatusClaim
}

/**
 * Returns the claims of a new token (RFC 9068 §2.2).
 *
 * @param now seconds since 1970
 */
export function claimsFor(
  { sub, clientId, scope, sid, gen, audience, status }: Grant,
  issuer: Issuer | null,
  jti: string,
  now: number,
  ttlSeconds: number,
): Sparse<AccessTokenClaims> {
  const iat = Math.floor(now)
  return {
    iss: issuer?.iss,
    aud: issuer ? (audience?.aud ?? issuer.aud) : undefined,
    rgen: issuer ? audience?.rgen : undefined,
    sub,
    exp: iat + ttlSeconds,
    iat,
    jti,
    client_id: clientId,
    scope: scope || undefined,
    sid,
    gen,
    status,
  }
}

/** Returns the scope of a token. The tutorial's tokens have none and permit what every user may do. */
export function scopeOf({ client_id, scope = '' }: AccessTokenClaims): string {
  return client_id === undefined ? userScopes.join(' ') : scope
}

/**
 * Returns the token in an Authorization header (RFC 6750 §2.1), or null without one or with another scheme. Any white space
 * may follow the first space after the scheme, as in FastAPI.
 */
export function readBearerToken(authorization = ''): string | null {
  const [scheme] = /^bearer(?: \s*|$)/i.exec(authorization) ?? []
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
 * @param issuer required issuer (RFC 9068 §4), or null for tokens of the shared secret
 * @param now seconds since 1970
 */
export function readClaims(
  { header, payload }: VerifiedJws,
  issuer: Issuer | null,
  now: number,
): AccessTokenClaims | null {
  if (!isUnderstood(header) || !areClaims(payload) || !isTimely(payload, now)) return null
  if (issuer) return isType(header.typ, 'at+jwt') && isFrom(issuer, payload) ? payload : null
  if ('at_hash' in payload) return null
  if (isOwn(payload)) return 'aud' in payload ? null : payload
  return isForTutorial(payload, now) ? toTutorialClaims(payload) : null
}

/**
 * Returns whether a JOSE header has no extension that changes how a token is read (RFC 7515 §4.1.11, RFC 7797 §3), and its
 * `kid`, if any, is a string (RFC 7515 §4.1.4).
 */
export function isUnderstood({ b64, kid = '', ...others }: Record<string, unknown>): boolean {
  return !('crit' in others) && b64 !== false && typeof kid === 'string'
}

/**
 * Returns whether claims are marked as those of Latchkey, which always writes a `client_id` and a `jti`. The rules for tokens
 * that were issued elsewhere must never apply to such a token, as they grant all that the user may do.
 */
function isOwn(claims: Record<string, unknown>): boolean {
  return 'client_id' in claims && 'jti' in claims
}

/** Returns whether each claim that is present has its type (RFC 7519 §4.1, RFC 9068 §2.2). */
function areClaims(claims: Record<string, unknown>): claims is Record<string, unknown> & AccessTokenClaims {
  const has = (type: string) => (name: string) => !(name in claims) || typeof claims[name] === type
  const { sub, exp, iat = 0, nbf = 0, gen = 0, rgen = 0 } = claims
  return (
    typeof sub === 'string' &&
    [exp, iat, nbf].every(isNumericDate) &&
    has('string')('jti') &&
    (!isOwn(claims) ||
      (['client_id', 'iss', 'scope', 'sid'].every(has('string')) && [gen, rgen].every(isGeneration)))
  )
}

/** Returns whether a value fits the database column: an integer of 31 bits. */
function isGeneration(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 31
}

/** Returns whether a value is a NumericDate (RFC 7519 §2): seconds, possibly with a fraction. */
export function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

/** Returns whether a token is within its `nbf` and `exp` (RFC 7519 §4.1.4, §4.1.5). @param now seconds since 1970 */
export function isTimely({ exp, nbf = 0 }: AccessTokenClaims & { nbf?: unknown }, now: number): boolean {
  return exp > now && Number(nbf) <= now
}

/** Returns whether `typ` is a type, with or without the prefix "application/", in any case (RFC 7515 §4.1.9). */
export function isType(typ: unknown, name: string): boolean {
  return typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === name
}

function isFrom(issuer: Issuer, claims: AccessTokenClaims): boolean {
  const { iss, aud, iat, jti, client_id } = claims
  const isForOne = typeof aud === 'string' || audienceOf(claims, issuer) === null
  return iss === issuer.iss && isForOne && ![iat, jti, client_id].includes(undefined)
}

/**
 * Returns the identifier of the resource that a verified token is for, or null for this service. `nobody` counts as this
 * service.
 */
export function audienceOf({ aud }: AccessTokenClaims, issuer: Issuer | null): string | null {
  const isForUs = !issuer || aud === nobody || [aud].flat().includes(issuer.aud)
  return isForUs ? null : String(aud)
}

/**
 * Returns whether the tutorial's service would accept a token that was issued elsewhere: it has no audience, or an empty one in
 * the sense of Python, and was not issued in the future.
 *
 * @param now seconds since 1970
 */
function isForTutorial({ aud, iat = 0 }: AccessTokenClaims, now: number): boolean {
  const hasAudience = typeof aud === 'object' && aud !== null ? Object.keys(aud).length > 0 : Boolean(aud)
  return !hasAudience && Math.floor(iat) <= now
}

/** Claims that the tutorial's service reads, and the id of the token. */
const tutorialClaims = ['sub', 'exp', 'iat', 'nbf', 'jti']

/** Returns the claims of a token that was issued elsewhere, without those that mean something in Latchkey's own tokens. */
function toTutorialClaims(claims: AccessTokenClaims): AccessTokenClaims {
  const kept = Object.entries(claims).filter(([name]) => tutorialClaims.includes(name))
  return Object.fromEntries(kept) as unknown as AccessTokenClaims
}
