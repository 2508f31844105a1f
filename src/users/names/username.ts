import { hasOneNumberSystem, isOfOneWritingSystem } from './scripts.js'
import { fitsSecurityProfile } from './security-profile.js'
import { invisible, skeleton } from './skeleton.js'

/** Letters, digits and combining marks, with `. _ -` between them; `findUsernameProblem` restricts them further. */
export const usernameSyntax = '^[\\p{L}\\p{N}](?:[\\p{L}\\p{M}\\p{N}._-]*[\\p{L}\\p{M}\\p{N}])?$'

/** Usernames that have a meaning of their own, or that people would trust or misread. */
const reservedNames = [
  'abuse',
  'admin',
  'administrator',
  'anonymous',
  'api',
  'client',
  'everyone',
  'guest',
  'help',
  'hostmaster',
  'info',
  'latchkey',
  'me',
  'no-reply',
  'nobody',
  'null',
  'oauth',
  'operator',
  'postmaster',
  'root',
  'security',
  'self',
  'superuser',
  'support',
  'system',
  'undefined',
  'webmaster',
]

/**
 * Returns what is wrong with a new username beyond its syntax, or undefined. The rules are those of Highly Restrictive
 * (UTS 39 §5.2): characters that Unicode recommends for identifiers, all of one writing system.
 */
export function findUsernameProblem(username: string): string | undefined {
  if (username.normalize('NFKC') !== username)
    return 'must be in Unicode normalization form C, without compatibility characters'
  if (invisible.test(username)) return 'must not have invisible characters'
  if (!fitsSecurityProfile(username))
    return 'must have only characters that Unicode recommends for identifiers'
  if (!isOfOneWritingSystem(username)) return 'must not mix scripts'
  if (!hasOneNumberSystem(username)) return 'must not mix number systems'
  if (isReserved(username)) return 'is reserved'
  return undefined
}

/** Version of the rules below and of their table. When it changes, the keys of all usernames are computed again. */
export const keysVersion = 1

/** Keys by which usernames are compared. */
export interface UsernameKeys {
  /** Identifies the username itself, ignoring case. */
  spelling: string
  /**
   * Identify all usernames that look like it: the skeletons of the username and of its case-folded form (UTS 39 §4).
   */
  looks: string[]
  /** Whether the username is ASCII. Such usernames may have the same `looks`. */
  isAscii: boolean
}

/**
 * Returns the keys of a username. Two usernames look alike if they have one of their `looks` in common, unless both are
 * ASCII: these are told apart by their spelling, so that `user10` and `userlo` can both exist.
 */
export function usernameKeys(username: string): UsernameKeys {
  const looks = [skeleton(username), skeleton(foldCase(username))].map(withoutCase)
  return {
    spelling: foldCase(username),
    looks: [...new Set(looks)],
    isAscii: /^\p{ASCII}*$/u.test(username),
  }
}

/** Returns whether two usernames cannot both be taken. */
export function lookAlike(one: string, other: string): boolean {
  return areAlike(usernameKeys(one), usernameKeys(other))
}

function areAlike(one: UsernameKeys, other: UsernameKeys): boolean {
  if (one.isAscii && other.isAscii) return one.spelling === other.spelling
  return one.looks.some((look) => other.looks.includes(look))
}

/** Keys of the reserved usernames, computed on first use, so that they do not slow down the start. */
let reservedKeys: UsernameKeys[] | undefined

function isReserved(username: string): boolean {
  reservedKeys ??= reservedNames.map(usernameKeys)
  const keys = usernameKeys(username)
  return reservedKeys.some((reserved) => areAlike(keys, reserved))
}

/** Maximum number of rounds below. All single characters settle in two. */
const maxRounds = 8

/**
 * Folds the case of a skeleton. As `O` becomes `o`, folding makes letters that look like others again, so both steps
 * are repeated until nothing changes. In the end `i` becomes `l`, as `I` looks like `l`: `admin` looks like `ADMlN`.
 */
function withoutCase(look: string): string {
  let folded = look
  for (let round = 0; round < maxRounds; round++) {
    const before = folded
    folded = skeleton(foldCase(before))
    if (folded === before) break
  }
  return folded.replaceAll('i', 'l')
}

/** Folds case via upper case, which makes `ß` equal to `SS`. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase()
}
