import { createPublicKey, type KeyObject } from 'node:crypto'
import { isObject } from '../../http/json/is-object.js'
import { algorithmOf, assertionAlgorithms } from './algorithms.js'

/** A public key of a JWK Set, with the algorithms that it verifies. */
export interface VerificationKey {
  kid: unknown
  algorithms: readonly string[]
  key: KeyObject
}

/** Sizes of RSA moduli (bits): the minimum of RFC 7518 §3.3, and a maximum that bounds the work. */
const minModulusBits = 2_048
const maxModulusBits = 8_192
/** Exclusive limits of RSA exponents: 65537 is usual, and 1 would make every signature valid. */
const minExponent = 1n
const maxExponent = 2n ** 33n

/** Members of a public key by its type (RFC 7518 §6, RFC 8037 §2). */
const publicMembers = {
  EC: ['kty', 'crv', 'x', 'y'],
  RSA: ['kty', 'n', 'e'],
  OKP: ['kty', 'crv', 'x'],
}

/** Members that only private and symmetric keys have (RFC 7518 §6). */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/** A JWK as a document has it: nothing in it has been checked. */
type UncheckedJwk = Record<string, unknown>

/** Returns the keys of a JWK Set (RFC 7517 §5), or null if a document is not a set. */
export function keysOf(document: unknown): UncheckedJwk[] | null {
  const keys: unknown = isObject(document) ? document.keys : null
  return Array.isArray(keys) ? keys.filter(isObject) : null
}

/** Returns whether a key has private or symmetric parts. */
export function isPrivate(jwk: UncheckedJwk): boolean {
  return privateMembers.some((member) => member in jwk)
}

/** Returns the members of a public key that are stored. */
export function toPublicJwk(jwk: UncheckedJwk): UncheckedJwk {
  const names = ['kid', 'alg', 'use', 'key_ops', ...publicMembers[jwk.kty as keyof typeof publicMembers]]
  return Object.fromEntries(names.filter((name) => name in jwk).map((name) => [name, jwk[name]]))
}

/**
 * Imports the keys of a JWK Set that can verify assertions.
 *
 * @throws Error when the document is not a JWK Set
 */
export function importSet(document: unknown): VerificationKey[] {
  const keys = keysOf(document)
  if (!keys) throw new Error('the document is not a JWK Set')
  return keys.map(importKey).filter((key) => key !== null)
}

/** Imports a key, or returns null if it cannot verify assertions. Such keys of a set are ignored (RFC 7517 §5). */
export function importKey(jwk: UncheckedJwk): VerificationKey | null {
  const { kty, kid, alg, use, key_ops } = jwk
  if (typeof kty !== 'string' || !Object.hasOwn(publicMembers, kty) || (use !== undefined && use !== 'sig'))
    return null
  if (key_ops !== undefined && !(Array.isArray(key_ops) && key_ops.includes('verify'))) return null
  const key = createKey(jwk, publicMembers[kty as keyof typeof publicMembers])
  if (!key || !isSupported(key)) return null
  const named = assertionAlgorithms.filter((name) => algorithmOf(name)?.keyType === kty)
  const same = named.filter((name) => alg === undefined || algorithmOf(name) === algorithmOf(alg))
  return same.length > 0 ? { kid, algorithms: same, key } : null
}

function createKey(jwk: UncheckedJwk, members: string[]): KeyObject | null {
  try {
    const key = Object.fromEntries(members.map((name) => [name, jwk[name]]))
    return createPublicKey({ key, format: 'jwk' })
  } catch {
    return null
  }
}

/** Returns whether a key is of P-256 or Ed25519, or is an RSA key of a reasonable size. */
function isSupported({ asymmetricKeyType, asymmetricKeyDetails = {} }: KeyObject): boolean {
  const { namedCurve, modulusLength = 0, publicExponent = 0n } = asymmetricKeyDetails
  if (asymmetricKeyType === 'rsa')
    return (
      modulusLength >= minModulusBits &&
      modulusLength <= maxModulusBits &&
      publicExponent > minExponent &&
      publicExponent < maxExponent
    )
  return asymmetricKeyType === 'ed25519' || namedCurve === 'prime256v1'
}
