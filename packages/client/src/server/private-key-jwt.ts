import type { Clock } from '../runtime/clock.js'
import { isText } from '../runtime/text.js'
import { encodeBase64Url } from './base64.js'

/** A key of WebCrypto. */
type WebCryptoKey = Parameters<typeof crypto.subtle.sign>[1]

/** A private key as a JWK (RFC 7517 §4). */
export interface PrivateJwk {
  kty?: string
  kid?: string
  crv?: string
  x?: string
  y?: string
  d?: string
  n?: string
  e?: string
  p?: string
  q?: string
  dp?: string
  dq?: string
  qi?: string
}

/** A private key: PKCS #8 in PEM, a JWK, or a key of WebCrypto that can sign. */
export interface PrivateKey {
  key: string | PrivateJwk | WebCryptoKey
  /** Id of the key. Default: that of the JWK. */
  kid?: string | undefined
}

/** What the assertion says. */
export interface AssertionConfig {
  issuer: string
  clientId: string
  clock: Clock
}

/** Parameters of WebCrypto by the name of the algorithm in a JWT (RFC 7518 §3.1, RFC 8037 §3.1). */
const algorithms = [
  ['ES256', { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }],
  ['EdDSA', { name: 'Ed25519' }],
  ['RS256', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }],
] as const

/**
 * Time until an assertion ends (seconds): half of what Latchkey allows, so that the clocks may differ by as much either way. It
 * has no `iat`, which must not be ahead.
 */
const lifetimeSeconds = 150

/**
 * Returns an assertion that authenticates the client once (RFC 7523 §3).
 *
 * @throws Error for a key that WebCrypto does not import, or that is none of ES256, EdDSA or RS256
 */
export async function signAssertion(
  { key, kid }: PrivateKey,
  { issuer, clientId, clock }: AssertionConfig,
): Promise<string> {
  const imported = await importKey(key)
  const algorithm = findAlgorithm(imported)
  if (!algorithm) throw new Error(`a key for ${imported.algorithm.name} cannot be used`)
  const [alg, parameters] = algorithm
  const header = { alg, typ: 'client-authentication+jwt', kid: kid ?? kidOf(key) }
  const exp = Math.floor(clock.now() / 1000) + lifetimeSeconds
  const jti = encodeBase64Url(crypto.getRandomValues(new Uint8Array(16)))
  const claims = { iss: clientId, sub: clientId, aud: issuer, jti, exp }
  const input = `${encodePart(header)}.${encodePart(claims)}`
  const signature = await crypto.subtle.sign(parameters, imported, new TextEncoder().encode(input))
  return `${input}.${encodeBase64Url(new Uint8Array(signature))}`
}

/** Returns whether a value can be a private key, as far as that is known before it is imported. */
export function isPrivateKey(value: unknown): boolean {
  const { key } = Object(value) as Partial<PrivateKey>
  if (typeof key !== 'object') return isText(key)
  if (!isWebCryptoKey(key)) return isText(key?.kty)
  return key.type === 'private' && key.usages.includes('sign') && findAlgorithm(key) !== undefined
}

function isWebCryptoKey(key: PrivateKey['key'] | null): key is WebCryptoKey {
  return typeof key === 'object' && key !== null && 'algorithm' in key
}

function findAlgorithm(key: WebCryptoKey): (typeof algorithms)[number] | undefined {
  return algorithms.find(([, parameters]) => fits(key, parameters))
}

/** Returns whether a key is for an algorithm, and for its curve and its hash if it has these. */
function fits(
  { algorithm }: WebCryptoKey,
  { name, namedCurve, hash }: { name: string; namedCurve?: string; hash?: string },
): boolean {
  const { namedCurve: curve, hash: ofKey } = algorithm as { namedCurve?: string; hash?: { name: string } }
  return name === algorithm.name && curve === namedCurve && (!ofKey || ofKey.name === hash)
}

function encodePart(part: object): string {
  return encodeBase64Url(new TextEncoder().encode(JSON.stringify(part)))
}

function kidOf(key: PrivateKey['key']): unknown {
  return typeof key === 'object' && 'kid' in key ? key.kid : undefined
}

/** Imports a key as one of the first algorithm that it fits. */
async function importKey(key: PrivateKey['key']): Promise<WebCryptoKey> {
  if (isWebCryptoKey(key)) return key
  const failures: unknown[] = []
  for (const [, parameters] of algorithms)
    try {
      if (typeof key === 'object')
        return await crypto.subtle.importKey('jwk', key, parameters, false, ['sign'])
      return await crypto.subtle.importKey('pkcs8', decodePem(key), parameters, false, ['sign'])
    } catch (cause) {
      failures.push(cause)
    }
  throw new AggregateError(failures, 'the private key is not valid')
}

/** Returns the bytes of a PEM file (RFC 7468). */
function decodePem(pem: string): Uint8Array<ArrayBuffer> {
  const base64 = pem.replace(/-----[^-]+-----/g, '').replace(/\s/g, '')
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}
