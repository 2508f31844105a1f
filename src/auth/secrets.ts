import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'

/** Every secret that we make up has so many random bytes. */
const secretBytes = 32

/** A new client secret. */
export function newClientSecret(): string {
  return `lks_${randomBytes(secretBytes).toString('base64url')}`
}

/** The keyed hash under which a client secret is stored. It is random, so it needs no slow one as a password does. */
export function digestClientSecret(secret: string, macKey: Buffer): Buffer {
  return createHmac('sha256', macKey).update('client secret\0').update(secret).digest()
}

/** Compares in constant time. */
export function isSameDigest(one: Uint8Array, other: Uint8Array): boolean {
  return timingSafeEqual(one, other)
}

/** The first refresh token of a family: opaque to clients. */
export function newRefreshToken(): string {
  return `lkr_${randomBytes(secretBytes).toString('base64url')}`
}

/**
 * The refresh token that follows this one. It is worked out instead of made up, so that whoever comes again after a
 * lost answer, to whichever replica, gets the same one, and it need not be stored; without the key nobody can tell it.
 */
export function successorOf(refreshToken: string, macKey: Buffer): string {
  const bytes = createHmac('sha256', macKey).update('refresh token\0').update(refreshToken).digest()
  return `lkr_${bytes.toString('base64url')}`
}

/** What is stored in a token's place. */
export function fingerprint(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
