import { createHash, createHmac } from 'node:crypto'
import bcrypt from 'bcrypt'
import { canBeHashed } from '../hash-password.js'
import { type HashScheme, type PasswordHash, powersOfTwo, type Work } from './scheme.js'

/** Minimum cost of a hash. */
export const minCost = 4
/**
 * Maximum cost of a hash that is compared. Each step doubles the work, which every login does while one such hash is stored; a
 * comparison at this cost takes about two seconds. The maximum of BCRYPT_COST is the same.
 */
export const maxCost = 15
/** Time of a round (seconds). */
const roundSeconds = 4.5e-5

/** Returns what a hash was made from instead of the password itself, or undefined if it cannot match. */
type Preparation = (password: string) => string | undefined

/** bcrypt, and the schemes that hash the password with SHA-256 first, so that a long one is not cut. */
export const bcryptScheme: HashScheme = {
  kinds: ['bcrypt'],

  parse(text) {
    return readPlain(text) ?? readPasslibSha256(text) ?? readDjango(text)
  },

  secondsOf({ units }) {
    return units * roundSeconds
  },

  /** Compares one decoy for each power of two in the number of units. */
  async spend({ units }) {
    for (const power of powersOfTwo(units))
      if (power >= 2 ** minCost) await bcrypt.compare('', decoyHash(Math.log2(power)))
  },
}

/** Returns the work of comparing a hash. @param cost binary logarithm of the number of rounds */
export function bcryptWork(cost: number): Work {
  return { kind: 'bcrypt', units: 2 ** cost }
}

/**
 * Reads `$2a$`, `$2b$`, `$2y$` and `$2x$` hashes. `$2x$` hashes were made by versions of crypt_blowfish before 1.1, which
 * computed another hash if the password has bytes above 127: such a password never matches.
 */
function readPlain(text: string): PasswordHash | undefined {
  const [, version, hash] = /^\$2([abxy])(\$\d\d\$[./A-Za-z0-9]{53})$/.exec(text) ?? []
  if (hash === undefined) return undefined
  return toHash(`$2b${hash}`, (password) =>
    canBeHashed(password) && (version !== 'x' || /^\p{ASCII}*$/u.test(password)) ? password : undefined,
  )
}

/** Reads passlib's `bcrypt_sha256`: version 2 uses HMAC with the salt as its key, version 1 plain SHA-256. */
function readPasslibSha256(text: string): PasswordHash | undefined {
  const format =
    /^\$bcrypt-sha256\$(?:(v=2),t=2b,r=|2[aby],)(\d{1,2})\$([./A-Za-z0-9]{22})\$([./A-Za-z0-9]{31})$/
  const [, version2, cost = '', salt = '', digest = ''] = format.exec(text) ?? []
  if (!digest) return undefined
  return toHash(`$2b$${cost.padStart(2, '0')}$${salt}${digest}`, (password) =>
    (version2 ? createHmac('sha256', salt) : createHash('sha256')).update(password).digest('base64'),
  )
}

/** Reads Django's `bcrypt_sha256` and `bcrypt`, whose name stands before the hash. */
function readDjango(text: string): PasswordHash | undefined {
  const [, sha256, hash] = /^bcrypt(_sha256)?\$(\$2[aby]\$\d\d\$[./A-Za-z0-9]{53})$/.exec(text) ?? []
  if (hash === undefined) return undefined
  if (!sha256) return readPlain(hash)
  return toHash(hash, (password) => createHash('sha256').update(password).digest('hex'))
}

function toHash(hash: string, prepare: Preparation): PasswordHash {
  const cost = Number(hash.slice(4, 6))
  return {
    work: bcryptWork(cost),
    isAffordable: cost >= minCost && cost <= maxCost,
    async matches(password) {
      const prepared = prepare(password)
      const matches = await bcrypt.compare(prepared ?? '', hash)
      return matches && prepared !== undefined
    },
  }
}

function decoyHash(cost: number): string {
  return `$2b$${String(cost).padStart(2, '0')}$${'.'.repeat(53)}`
}
