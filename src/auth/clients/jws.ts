import { verify } from 'node:crypto'
import { isObject } from '../../http/json/is-object.js'
import { isCanonical, isUnderstood } from '../access-token.js'
import { algorithmOf, decoyKey } from './algorithms.js'
import type { VerificationKey } from './jwk.js'

/** A JWS in compact serialization (RFC 7515 §7.1) that is well-formed. Nothing in it has been verified. */
export interface Jws {
  header: Record<string, unknown>
  payload: Record<string, unknown>
  /** Signing input (RFC 7515 §5.2). */
  input: string
  signature: Buffer
}

/** Parses a JWT, or returns null for a text that is not one (RFC 7519 §7.2). */
export function parseJws(token: string): Jws | null {
  if (!isCanonical(token)) return null
  const start = token.indexOf('.')
  const end = token.lastIndexOf('.')
  const header = parseObject(token.slice(0, start))
  const payload = parseObject(token.slice(start + 1, end))
  if (!header || !payload) return null
  return {
    header,
    payload,
    input: token.slice(0, end),
    signature: Buffer.from(token.slice(end + 1), 'base64url'),
  }
}

function parseObject(part: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

/** Returns the key that a header selects by its `alg` and `kid`. Without a `kid` there must be one key for the algorithm. */
export function selectKey(
  { alg, kid }: Record<string, unknown>,
  keys: readonly VerificationKey[],
): VerificationKey | null {
  const fitting = keys.filter(
    (key) => key.algorithms.some((name) => name === alg) && (kid === undefined || key.kid === kid),
  )
  return fitting.length === 1 ? (fitting[0] as VerificationKey) : null
}

/**
 * Returns whether a JWS was signed with one of the keys (RFC 7515 §5.2). The header selects one of them and nothing else:
 * `jku`, `x5u`, `jwk` and `x5c` are ignored, and a header with an extension is refused. If no key fits, a decoy is verified,
 * so that the time does not show whether there is one.
 */
export function verifyJws({ header, input, signature }: Jws, keys: readonly VerificationKey[]): boolean {
  const algorithm = algorithmOf(header.alg)
  if (!algorithm || !isUnderstood(header)) return false
  const selected = selectKey(header, keys)
  const key = selected?.key ?? decoyKey(algorithm)
  const isSigned = verify(algorithm.hash, Buffer.from(input), { key, ...algorithm.options }, signature)
  return selected !== null && isSigned
}
