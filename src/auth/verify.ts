import type { LRUCache } from 'lru-cache'
import {
  audienceOf,
  type Issuer,
  isCanonical,
  isTimely,
  nobody,
  readClaims,
  scopeOf,
  type VerifiedToken,
} from './access-token.js'
import type { JwtKey, VerifiedJws } from './keys/jwt.js'
import type { KeyRing } from './keys/ring.js'
import { splitScope } from './scope.js'
import { fingerprint } from './secrets.js'

/** Dependencies of the verification of access tokens. */
export interface VerificationContext {
  keyRing: Pick<KeyRing, 'find'>
  issuer: Issuer | null
  /** Tokens whose signature was verified, by the token's text. */
  verified: LRUCache<string, VerifiedToken>
  /** Receives whether a token was among them. */
  noteLookUp(isHit: boolean): void
}

/**
 * Verifies an access token for any audience but `nobody` (RFC 8725, RFC 9068 §4). Returns null unless every check passes.
 *
 * @param now seconds since 1970
 */
export async function verifyAccessToken(
  token: string,
  context: VerificationContext,
  now: number,
): Promise<VerifiedToken | null> {
  const access = await verifyPresentedToken(token, context, now)
  return access?.claims.aud === nobody ? null : access
}

/**
 * Verifies an access token for the guards of this service, which also accept the audience `nobody`. `loadStandingAt` decides
 * whether the token is for this service. A signature is verified once and stays valid as long as its key.
 *
 * @param now seconds since 1970
 */
export async function verifyPresentedToken(
  token: string,
  { keyRing, issuer, verified, noteLookUp }: VerificationContext,
  now: number,
): Promise<VerifiedToken | null> {
  const known = verified.get(token)
  const isCached = known !== undefined && (await keyRing.find(known.kid)) === known.key
  noteLookUp(isCached)
  if (isCached) return isTimely(known.claims, now) ? known : null
  if (!isCanonical(token)) return null
  const kid = keyIdOf(token)
  const key = await keyRing.find(kid)
  const jws = key && verifySignature(token, key)
  const claims = jws && readClaims(jws, issuer, now)
  if (!claims) return null
  const access = {
    claims,
    audience: audienceOf(claims, issuer),
    scope: splitScope(scopeOf(claims)),
    fingerprint: fingerprint(claims.jti ?? jws.input),
    kid,
    key,
  }
  verified.set(copyOf(token), access)
  return access
}

/**
 * Copies a token, as a substring of a request body would keep the whole body in memory. A verified token is ASCII, so
 * latin1 loses nothing.
 */
function copyOf(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1')
}

/** Returns the `kid` of a token's header, the only member of the header that selects anything. */
function keyIdOf(token: string): unknown {
  const header = Buffer.from(token.replace(/\..*/s, ''), 'base64url').toString()
  try {
    return (JSON.parse(header) as { kid?: unknown } | null)?.kid
  } catch {
    return undefined
  }
}

function verifySignature(token: string, key: JwtKey): VerifiedJws | null {
  try {
    return key.verify(token)
  } catch {
    return null
  }
}
