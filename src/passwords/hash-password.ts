import bcrypt from 'bcrypt'

/** Maximum length of a password (bytes). bcrypt ignores all further bytes, so a longer one would match its beginning. */
const maxPasswordBytes = 72

/** Returns a new `$2b$` hash. @param cost binary logarithm of the number of rounds */
export function hashPassword(password: string, cost: number): Promise<string> {
  return bcrypt.hash(password, cost)
}

/** Returns whether a hash was made at another cost. */
export function needsRehash(hash: string, cost: number): boolean {
  return bcrypt.getRounds(hash) !== cost
}

/** Returns whether bcrypt takes all of a password into account: at most 72 bytes of UTF-8, and no NUL. */
export function canBeHashed(password: string): boolean {
  return Buffer.byteLength(password) <= maxPasswordBytes && !password.includes('\0')
}
