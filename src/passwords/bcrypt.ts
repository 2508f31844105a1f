import bcrypt from 'bcrypt'

/** bcrypt reads no further: a longer password would match its own beginning. */
const maxPasswordBytes = 72
const bcryptHash = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/
/** Highest cost of a hash that is compared at all: each step doubles the work, and this one takes a minute. */
export const maxCost = 20

/** A new `$2b$` hash; `cost` is the logarithm of the number of rounds. */
export function hashPassword(password: string, cost: number): Promise<string> {
  return bcrypt.hash(password, cost)
}

/**
 * Whether the password is the one that was hashed, worked out off the event loop.
 *
 * Takes `$2a$`, `$2b$` and `$2y$` hashes. Time does not tell whether there is a hash or at what cost it was made: the
 * work is always that of one comparison at `cost`, as a comparison at a lower cost c is followed by others at c, c + 1 …
 * `cost` - 1 (2^c + 2^c + 2^(c+1) + … = 2^cost). Without a hash that can be compared the answer is no.
 *
 * @param cost logarithm of the number of rounds, at least that of the hash
 */
export async function verifyPassword(
  password: string,
  hash: string | undefined,
  cost: number,
): Promise<boolean> {
  const comparable = hash !== undefined && isComparable(hash) && canBeHashed(password)
  const compared = comparable ? hash.replace('$2y$', '$2b$') : decoyHash(cost)
  const matches = await bcrypt.compare(comparable ? password : '', compared)
  for (let decoy = bcrypt.getRounds(compared); decoy < cost; decoy++)
    await bcrypt.compare('', decoyHash(decoy))
  return comparable && matches
}

/** Whether the hash was made with other work than `cost` asks for. */
export function needsRehash(hash: string, cost: number): boolean {
  return bcrypt.getRounds(hash) !== cost
}

/** Whether bcrypt takes all of it into account: at most 72 bytes of UTF-8, and no NUL. */
export function canBeHashed(password: string): boolean {
  return Buffer.byteLength(password) <= maxPasswordBytes && !password.includes('\0')
}

function isComparable(hash: string): boolean {
  return bcryptHash.test(hash) && bcrypt.getRounds(hash) <= maxCost
}

function decoyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`
}
