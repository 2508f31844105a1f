import { randomBytes } from 'node:crypto'

/** Returns a random password of 20 characters (120 bits), to be shown once. */
export function newPassword(): string {
  return randomBytes(15).toString('base64url')
}
