import { canBeHashed } from './hash-password.js'
import { argon2Scheme } from './schemes/argon2.js'
import { bcryptScheme } from './schemes/bcrypt.js'
import { pbkdf2Scheme } from './schemes/pbkdf2.js'
import type { HashScheme, PasswordHash, Work } from './schemes/scheme.js'
import { scryptScheme } from './schemes/scrypt.js'
import { shaCryptScheme } from './schemes/sha-crypt.js'

const schemes = [bcryptScheme, argon2Scheme, pbkdf2Scheme, scryptScheme, shaCryptScheme]

const schemesByKind = new Map(schemes.flatMap((scheme) => scheme.kinds.map((kind) => [kind, scheme])))

/** Maximum length of a hash in any format (characters). */
export const maxHashLength = 512

/** Maximum length of a password that can match (bytes). The work of some schemes grows with it. */
const maxPasswordBytes = 256

const printableAscii = /^[\x21-\x7e]+$/
const isAscii = /^\p{ASCII}*$/u

/** Parses a hash. Returns undefined if its format is unknown. */
export function parseHash(text: string): PasswordHash | undefined {
  if (text.length > maxHashLength || !printableAscii.test(text)) return undefined
  for (const scheme of schemes) {
    const hash = scheme.parse(text)
    if (hash) return hash
  }
  return undefined
}

/**
 * Returns whether a bcrypt hash of a password can replace the hash that it matches. It cannot if bcrypt would cut the
 * password, or if the hash also matches other spellings of its characters in Unicode, which another keyboard may send.
 */
export function canBeRehashed(password: string, text: string): boolean {
  return canBeHashed(password) && (isAscii.test(password) || !parseHash(text)?.isNormalized)
}

/**
 * Returns whether a password matches a hash. Without a hash, with one that cannot be verified, or with more than 256 bytes, it
 * does not match.
 *
 * The time does not reveal whether there is a hash, nor its scheme and cost: `allWork` is always done, and verifying the
 * hash is a part of it.
 *
 * @param allWork the most work of each kind that any stored hash takes, but for the work that is too much for every login
 */
export async function verifyPassword(
  password: string,
  text: string | undefined,
  allWork: readonly Work[],
): Promise<boolean> {
  const parsed = text === undefined ? undefined : parseHash(text)
  const hash = parsed?.isAffordable ? parsed : undefined
  const isTooLong = Buffer.byteLength(password) > maxPasswordBytes
  const hashed = isTooLong ? '' : password
  const matches = ((await hash?.matches(hashed)) ?? false) && !isTooLong
  for (const { kind, units } of allWork) {
    const done = hash?.work.kind === kind ? hash.work.units : 0
    if (units > done) await schemeOf(kind)?.spend({ kind, units: units - done }, hashed)
  }
  return matches
}

/** Returns about how long work takes on a current processor (seconds). That of an unknown kind is never done. */
export function secondsOf(work: readonly Work[]): number {
  return work.reduce((sum, one) => sum + (schemeOf(one.kind)?.secondsOf(one) ?? 0), 0)
}

/** Returns the scheme of a kind of work, or undefined for a kind that a later version has stored. */
function schemeOf(kind: string): HashScheme | undefined {
  return schemesByKind.get(kind.replace(/ .*/s, ''))
}
