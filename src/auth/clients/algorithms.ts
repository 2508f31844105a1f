import { constants, createPublicKey, type KeyObject, type SigningOptions } from 'node:crypto'

/** Parameters for the verification of signatures of one algorithm (RFC 7518 §3.1, RFC 8037 §3.1). */
interface Algorithm {
  keyType: 'EC' | 'RSA' | 'OKP'
  hash: 'sha256' | null
  options: SigningOptions
}

const es256: Algorithm = { keyType: 'EC', hash: 'sha256', options: { dsaEncoding: 'ieee-p1363' } }
const ps256: Algorithm = {
  keyType: 'RSA',
  hash: 'sha256',
  options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
}
const rs256: Algorithm = {
  keyType: 'RSA',
  hash: 'sha256',
  options: { padding: constants.RSA_PKCS1_PADDING },
}
const ed25519: Algorithm = { keyType: 'OKP', hash: null, options: {} }

/** Algorithms by their `alg`. Ed25519 has two: RFC 9864 replaces the one of RFC 8037. */
const algorithms = new Map<unknown, Algorithm>([
  ['ES256', es256],
  ['PS256', ps256],
  ['RS256', rs256],
  ['EdDSA', ed25519],
  ['Ed25519', ed25519],
])

/** Values of `alg` that assertions can have: asymmetric algorithms only. */
export const assertionAlgorithms = [...algorithms.keys()].map(String)

/** Returns the algorithm that the `alg` of a header or a key names, or undefined for any other value. */
export function algorithmOf(alg: unknown): Algorithm | undefined {
  return algorithms.get(alg)
}

/** Public keys whose private halves were never stored, by type. */
const decoys = {
  EC: {
    kty: 'EC',
    crv: 'P-256',
    x: '6Kwg-GT422rql8wjrCNdJ8jV9h1GcbPuuTYUswHXg2M',
    y: 'm9YeHbcPH3jE92-ir1tuolVOa1tZZ3Tagj64jPgl6cU',
  },
  RSA: {
    kty: 'RSA',
    n: 'w3mw_4ELvstT-FrvSj--oi3oebdEhkd5LfMv4todeRQl2R7Mfga47_Ct-Byq1WpAXfUBmT9QI9Y0tcouAoVMnwz9nEyuvCgyGfI5epJY2cFiZvQ-8k44VHeQEc36OzUvjfyL9a_GLuvEJoJSEyt82tf3t4HeIY5kFGpaIAE73On0jTPOqDuXvN0EJJYp3B7k70zkiwhW_kAN2AX5pEfwI0avr5EGnr776-rnBAuJ1AEiohM2AaJtynDvpR_biI3fRLXEkyKuzl4OdBN3g5TSvbcY_lbpYcy9vQSobDe-CiTbV9Wbuj9AL9Ox8RCCp7ov7we-V7aGoAMDYQi3G_N-3w',
    e: 'AQAB',
  },
  OKP: { kty: 'OKP', crv: 'Ed25519', x: 'lmhN42mo4qz2jqJuU7wTMHqXTCB8_QXEKSQgySAdKvg' },
}

const decoyKeys = new Map(
  Object.entries(decoys).map(([type, key]) => [type, createPublicKey({ key, format: 'jwk' })]),
)

/** Returns a key of the algorithm's type that verifies no signature. */
export function decoyKey({ keyType }: Algorithm): KeyObject {
  return decoyKeys.get(keyType) as KeyObject
}
