import bcrypt from 'bcrypt'

/** Maximum length of a password (bytes). bcrypt ignores all further bytes, so a longer one would match its beginning. */
const maxPasswordBytes = 72
const bcryptHash = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/
/** Maximum cost of a hash that is compared. Each step doubles the work; a comparison at this cost takes a minute. */
export const maxCost = 20

/** Returns a new `$2b$` hash. @param cost binary logarithm of the number of rounds */
export function hashPassword(password: string, cost: number): Promise<string> {
  return bcrypt.hash(password, cost)
}

/**
 * Returns whether a password matches a `$2a$`, `$2b$` or `$2y$` hash, computed off the event loop. Without a hash, or with one that
 * cannot be compared, it does not match.
 *
 * The time does not reveal whether there is a hash, nor its cost c, as the work always equals one comparison at `cost`:
 * after the comparison at c, decoys are compared at c, c + 1, … `cost` - 1 (2^c + 2^c + 2^(c+1) + … = 2^cost).
 *
 * @param cost binary logarithm of the number of rounds, at least that of the hash
 */
export async function verifyPassword(
  password: string,
  hash: string | undefined,
  cost: number,
): Promise<boolean> {
  const comparable = hash !== undefined && isComparable(hash) && canBeHashed(password)
  const compared = comparable ? hash.replace('$2y$', '$2b$') : decoyHash(cost)
  const matches = await bcrypt.compare(comparable ? password : '', compared)
  for (let decoyCost = bcrypt.getRounds(compared); decoyCost < cost; decoyCost++)
    await bcrypt.compare('', decoyHash(decoyCost))
  return comparable && matches
}

/** Returns whether a hash was made at another cost. */
export function needsRehash(hash: string, cost: number): boolean {
  return bcrypt.getRounds(hash) !== cost
}

/** Returns whether bcrypt takes all of a password into account: at most 72 bytes of UTF-8, and no NUL. */
export function canBeHashed(password: string): boolean {
  return Buffer.byteLength(password) <= maxPasswordBytes && !password.includes('\0')
}

function isComparable(hash: string): boolean {
  return bcryptHash.test(hash) && bcrypt.getRounds(hash) <= maxCost
}

function decoyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`
}
