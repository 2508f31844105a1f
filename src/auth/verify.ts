import {
  type AccessTokenClaims,
  isCanonical,
  isTimely,
  nobody,
  readClaims,
  scopeOf,
  type VerifiedJws,
} from './access-token.js'
import type { AuthContext } from './context.js'
import type { JwtKey } from './keys/jwt.js'
import { splitScope } from './scope.js'
import { fingerprint } from './secrets.js'

/** An access token of ours that has not expired; whether it was revoked is for the database to tell. */
export interface VerifiedToken {
  claims: AccessTokenClaims
  /** The scope-tokens of its scope. */
  scope: readonly string[]
  /** What it is revoked by: its `jti` or, where it has none, all of it that was signed. */
  fingerprint: Buffer
  /** What its header names its key by, and that key. */
  kid: unknown
  key: JwtKey
}

type VerificationContext = Pick<AuthContext, 'keyRing' | 'issuer' | 'verified'>

/**
 * What an access token says, or null unless every check passes (RFC 8725, RFC 9068 §4).
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
 * The same for our own guard, which takes a token that is for nobody too. A signature is checked once: it stays good for
 * as long as its key does.
 */
export async function verifyPresentedToken(
  token: string,
  { keyRing, issuer, verified }: VerificationContext,
  now: number,
): Promise<VerifiedToken | null> {
  const known = verified.get(token)
  if (known && (await keyRing.find(known.kid)) === known.key)
    return isTimely(known.claims, now) ? known : null
  if (!isCanonical(token)) return null
  const kid = keyIdOf(token)
  const key = await keyRing.find(kid)
  const jws = key && verifySignature(token, key)
  const claims = jws && readClaims(jws, issuer, now)
  if (!claims) return null
  const scope = splitScope(scopeOf(claims))
  const access = { claims, scope, fingerprint: fingerprint(claims.jti ?? jws.input), kid, key }
  verified.set(copyOf(token), access)
  return access
}

/** A part of a body would keep all of the body in memory. A token that was found good is ASCII. */
function copyOf(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1')
}

/** The one member of a header that chooses something: the key. */
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
