import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Number of random bytes in every generated secret. */
const secretBytes = 32

/** Generates a client secret. */
export function newClientSecret(): string {
  return `lks_${randomBytes(secretBytes).toString('base64url')}`
}

/** Returns the digest under which a client secret is stored. The secret is random, so a fast keyed hash is enough. */
export function digestClientSecret(secret: string, macKey: Buffer): Buffer {
  return createHmac('sha256', macKey).update('client secret\0').update(secret).digest()
}

/** Compares two digests in constant time. */
export function isSameDigest(one: Uint8Array, other: Uint8Array): boolean {
  return timingSafeEqual(one, other)
}

/** Generates the first refresh token of a family. It is opaque to clients. */
export function newRefreshToken(): string {
  return `lkr_${randomBytes(secretBytes).toString('base64url')}`
}

/**
 * Derives the refresh token that follows another. Every replica derives the same one, so a client whose response was
 * lost gets it again although only its fingerprint is stored. It cannot be derived without the MAC key.
 */
export function successorOf(refreshToken: string, macKey: Buffer): string {
  const bytes = createHmac('sha256', macKey).update('refresh token\0').update(refreshToken).digest()
  return `lkr_${bytes.toString('base64url')}`
}

/** Maximum number of refreshes between a token and its descendant. */
const maxDescent = 100

/** Returns the descendant of a refresh token with the wanted fingerprint, derived in one or more steps, or null. */
export function descendantOf(refreshToken: string, wanted: Uint8Array, macKey: Buffer): string | null {
  let descendant = refreshToken
  for (let step = 0; step < maxDescent; step++) {
    descendant = successorOf(descendant, macKey)
    if (fingerprint(descendant).equals(wanted)) return descendant
  }
  return null
}

/** Returns the digest that is stored in place of a token (SHA-256). */
export function fingerprint(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
