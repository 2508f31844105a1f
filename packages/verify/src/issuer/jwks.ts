import { type CryptoKey, importJWK, type JWK } from 'jose'
import { isObject, parseObject } from '../token/json.js'
import type { Algorithm } from '../token/jws.js'

/** Public keys of an issuer, by `alg` and `kid`. */
export type KeySet = ReadonlyMap<string, CryptoKey>

/** Minimum size of an RSA key (bits; RFC 7518 §3.3). */
const minModulusBits = 2048

/** Returns the place of a key in a set. */
export function keyName(alg: string, kid: string): string {
  return `${alg} ${kid}`
}

/**
 * Reads a JWK Set (RFC 7517 §5). Keys that cannot be used are ignored: of another algorithm or purpose, private, malformed,
 * too short, or without `kid` or `alg`, since a key serves one algorithm (RFC 8725 §3.1).
 *
 * @throws Error without a key that can be used
 */
export async function parseJwks(text: string, algorithms: readonly Algorithm[]): Promise<KeySet> {
  const { keys } = parseObject(text)
  if (!Array.isArray(keys)) throw new Error('the JWK Set has no keys')
  const imported = await Promise.all(keys.map((jwk) => importKey(jwk, algorithms)))
  const usable = new Map(imported.filter((entry) => entry !== null))
  if (usable.size === 0) throw new Error(`the JWK Set has no public key for ${algorithms.join(' or ')}`)
  return usable
}

async function importKey(
  jwk: unknown,
  algorithms: readonly Algorithm[],
): Promise<[string, CryptoKey] | null> {
  if (!isObject(jwk) || typeof jwk.kid !== 'string' || (jwk.use !== undefined && jwk.use !== 'sig'))
    return null
  const alg = algorithms.find((name) => name === jwk.alg)
  if (!alg) return null
  try {
    const key = await importJWK(jwk as JWK, alg)
    return isUsable(key) ? [keyName(alg, jwk.kid), key] : null
  } catch {
    return null
  }
}

function isUsable(key: CryptoKey | Uint8Array): key is CryptoKey {
  if (key instanceof Uint8Array || key.type !== 'public') return false
  const { modulusLength = minModulusBits } = key.algorithm as { modulusLength?: number }
  return modulusLength >= minModulusBits
}
