import {
  type AccessTokenClaims,
  type Issuer,
  isCanonical,
  readClaims,
  type VerifiedJws,
} from './access-token.js'
import type { JwtKey } from './keys/jwt.js'
import type { KeyRing } from './keys/ring.js'
import { fingerprint } from './secrets.js'

/** An access token of ours that has not expired; whether it was revoked is for the database to tell. */
export interface VerifiedToken {
  claims: AccessTokenClaims
  /** What it is revoked by: its `jti` or, where it has none, all of it that was signed. */
  fingerprint: Buffer
}

/**
 * The claims of an access token, or null unless every check passes (RFC 8725, RFC 9068 §4).
 *
 * @param now seconds since 1970
 */
export async function verifyAccessToken(
  token: string,
  keyRing: KeyRing,
  issuer: Issuer | null,
  now: number,
): Promise<VerifiedToken | null> {
  if (!isCanonical(token)) return null
  const key = await keyRing.find(keyIdOf(token))
  const jws = key && verifySignature(token, key)
  const claims = jws && readClaims(jws, issuer, now)
  return claims && { claims, fingerprint: fingerprint(claims.jti ?? jws.input) }
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
