import { createPrivateKey } from 'node:crypto'
import { generateRingKey, toPem } from '../../src/auth/keys/generate.js'
import { type JwtKey, type RingAlgorithm, ringKey } from '../../src/auth/keys/jwt.js'

/** Creates a key of the ring, which is in no database. */
export async function createRingKey(algorithm: RingAlgorithm = 'ES256'): Promise<JwtKey> {
  const { privateKey, publicJwk } = await generateRingKey(algorithm)
  const opened = createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' })
  return ringKey(publicJwk.kid, algorithm, toPem(publicJwk), opened)
}
