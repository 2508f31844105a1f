import bcrypt from 'bcrypt'

/** bcrypt reads no further: a longer password would match its own beginning. */
const maxPasswordBytes = 72
const bcryptHash = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/

/** A new `$2b$` hash; `cost` is the logarithm of the number of rounds. */
export function hashPassword(password: string, cost: number): Promise<string> {
  return bcrypt.hash(password, cost)
}

/**
 * Whether the password is the one that was hashed, worked out off the event loop.
 *
 * Takes `$2a$`, `$2b$` and `$2y$` hashes. Without a hash that can be compared it does the work of one comparison at
 * `cost` all the same, and answers no, so that time does not tell whether a user exists.
 */
export async function verifyPassword(
  password: string,
  hash: string | undefined,
  cost: number,
): Promise<boolean> {
  const comparable = hash !== undefined && bcryptHash.test(hash) && canBeHashed(password)
  const matches = await bcrypt.compare(
    comparable ? password : '',
    comparable ? hash.replace('$2y$', '$2b$') : decoyHash(cost),
  )
  return comparable && matches
}

/** Whether the hash was made with less work than `cost` asks for. */
export function needsRehash(hash: string, cost: number): boolean {
  return bcrypt.getRounds(hash) < cost
}

/** Whether bcrypt takes all of it into account: at most 72 bytes of UTF-8, and no NUL. */
export function canBeHashed(password: string): boolean {
  return Buffer.byteLength(password) <= maxPasswordBytes && !password.includes('\0')
}

function decoyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`
}
