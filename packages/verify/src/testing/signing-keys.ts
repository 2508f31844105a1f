import {
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTHeaderParameters,
  type JWTPayload,
  SignJWT,
} from 'jose'
import type { Algorithm } from '../token/jws.js'

/** Keys with which a test issuer signs. */
export interface SigningKeys {
  /** Signs claims with the newest key. @param header members besides `alg` and `kid`, or others */
  sign(claims: object, header: Record<string, unknown>): Promise<string>
  /** Adds a key, which signs from now on. @param withdraw whether the former keys are no longer published */
  rotate(withdraw: boolean): Promise<void>
  /** Returns the public keys, the newest first. */
  publicJwks(): JWK[]
}

/** Creates keys, of which there is one. */
export async function createSigningKeys(alg: Algorithm): Promise<SigningKeys> {
  let signing = await generateKeyPair(alg)
  let published: JWK[] = []
  let count = 0

  async function publish(): Promise<void> {
    count += 1
    published = [
      { ...(await exportJWK(signing.publicKey)), kid: `key-${count}`, use: 'sig', alg },
      ...published,
    ]
  }

  await publish()
  return {
    async sign(claims, header) {
      const protectedHeader = { alg, kid: `key-${count}`, ...header } as JWTHeaderParameters
      return new SignJWT(claims as JWTPayload).setProtectedHeader(protectedHeader).sign(signing.privateKey)
    },
    async rotate(withdraw) {
      signing = await generateKeyPair(alg)
      if (withdraw) published = []
      await publish()
    },
    publicJwks: () => published,
  }
}
