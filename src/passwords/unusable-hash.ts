import { randomBytes } from 'node:crypto'
import { minCost } from './schemes/bcrypt.js'

/** Beginning of a hash that no password matches: the lowest cost, and a salt of zeros, which no other hash has. */
const unusablePrefix = `$2b$0${minCost}$${'.'.repeat(22)}`

/** Returns a hash for a user without a password, or whose password is not hashed with bcrypt. No two are equal. */
export function createUnusableHash(): string {
  return `${unusablePrefix}${randomBytes(24).toString('base64').slice(0, 31).replaceAll('+', '.')}`
}

/** Returns whether a hash is one of `createUnusableHash`, which no password matches. */
export function isUnusableHash(hash: string): boolean {
  return hash.startsWith(unusablePrefix)
}
