import { createHash, createPublicKey, generateKeyPair, type JsonWebKey } from 'node:crypto'
import { promisify } from 'node:util'
import type { PublicJwk, RingAlgorithm } from './jwt.js'

const generate = promisify(generateKeyPair)

/** A new key pair: the private half as PKCS #8 in DER, the public one as it is published. */
export async function generateRingKey(
  algorithm: RingAlgorithm,
): Promise<{ privateKey: Buffer; publicJwk: PublicJwk }> {
  const { privateKey, publicKey } = await (algorithm === 'ES256'
    ? generate('ec', { namedCurve: 'P-256' })
    : generate('rsa', { modulusLength: 2048 }))
  const members = publicKey.export({ format: 'jwk' }) as Pick<PublicJwk, 'kty'>
  return {
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
    publicJwk: { ...members, kid: thumbprint(members as JsonWebKey), use: 'sig', alg: algorithm },
  }
}

/** The PEM of a published key. */
export function toPem(publicJwk: PublicJwk): string {
  const key = createPublicKey({ key: publicJwk as JsonWebKey, format: 'jwk' })
  return String(key.export({ format: 'pem', type: 'spki' }))
}

/**
 * The beginning of the digest of the members that make the key what it is, in the order of their names (RFC 7638).
 * In hexadecimal digits, as base64url may begin with a hyphen and then looks like an option on a command line.
 */
function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, e, kty, n, x, y })).digest('hex').slice(0, 32)
}
