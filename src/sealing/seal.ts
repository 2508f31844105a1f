import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const cipher = 'aes-256-gcm'
const ivBytes = 12
const tagBytes = 16

/** A key that encrypts other keys and secrets, and the id that is stored beside everything it has encrypted. */
export interface SealingKey {
  id: string
  key: Buffer
}

/** Derives a sealing key and its id from a KEY_ENCRYPTION_SECRET (HKDF, RFC 5869). */
export function sealingKey(secret: string): SealingKey {
  const derive = (info: string, bytes: number) => Buffer.from(hkdfSync('sha256', secret, '', info, bytes))
  return {
    id: derive('latchkey key encryption: id', 8).toString('hex'),
    key: derive('latchkey key encryption', 32),
  }
}

/** Encrypts and authenticates (AES-256-GCM). The result can be unsealed for the same purpose only. */
export function seal(plain: Uint8Array, purpose: string, { key }: SealingKey): Buffer {
  const iv = randomBytes(ivBytes)
  const encryption = createCipheriv(cipher, key, iv).setAAD(Buffer.from(purpose))
  const encrypted = [encryption.update(plain), encryption.final()]
  return Buffer.concat([iv, encryption.getAuthTag(), ...encrypted])
}

/** Decrypts the result of `seal`. @throws Error when the key or the purpose differs, or the bytes were changed */
export function unseal(sealed: Uint8Array, purpose: string, { key }: SealingKey): Buffer {
  const iv = sealed.subarray(0, ivBytes)
  const tag = sealed.subarray(ivBytes, ivBytes + tagBytes)
  const encrypted = sealed.subarray(ivBytes + tagBytes)
  const decryption = createDecipheriv(cipher, key, iv, { authTagLength: tagBytes })
    .setAAD(Buffer.from(purpose))
    .setAuthTag(tag)
  return Buffer.concat([decryption.update(encrypted), decryption.final()])
}
