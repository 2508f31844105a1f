import { createHash, createPublicKey, generateKeyPair, type JsonWebKey } from 'node:crypto'
import { promisify } from 'node:util'
import type { PublicJwk, RingAlgorithm } from './jwt.js'

const generate = promisify(generateKeyPair)

/** A new key pair: the private half as PKCS #8 in DER, the public half as it is published. */
export interface GeneratedKey {
  privateKey: Buffer
  publicJwk: PublicJwk
}

/** Generates a key pair: P-256 for ES256, 2,048 bits for RS256. */
export async function generateRingKey(algorithm: RingAlgorithm): Promise<GeneratedKey> {
  const { privateKey, publicKey } = await (algorithm === 'ES256'
    ? generate('ec', { namedCurve: 'P-256' })
    : generate('rsa', { modulusLength: 2048 }))
  const members = publicKey.export({ format: 'jwk' }) as Pick<PublicJwk, 'kty'>
  return {
    privateKey: privateKey.export({ format: 'der', type: 'pkcs8' }),
    publicJwk: { ...members, kid: thumbprint(members as JsonWebKey), use: 'sig', alg: algorithm },
  }
}

/** Converts a published key to PEM. */
export function toPem(publicJwk: PublicJwk): string {
  const key = createPublicKey({ key: publicJwk as JsonWebKey, format: 'jwk' })
  return String(key.export({ format: 'pem', type: 'spki' }))
}

/**
 * Returns the first 128 bits of the JWK thumbprint (RFC 7638), in hexadecimal digits. Base64url could begin with a
 * hyphen, and the command line would read such a key id as an option.
 */
function thumbprint({ crv, e, kty, n, x, y }: JsonWebKey): string {
  return createHash('sha256').update(JSON.stringify({ crv, e, kty, n, x, y })).digest('hex').slice(0, 32)
}
