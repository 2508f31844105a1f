import { hasOneNumberSystem, isOfOneWritingSystem } from './scripts.js'
import { fitsSecurityProfile } from './security-profile.js'
import { invisible, skeleton } from './skeleton.js'

/** Letters, digits and combining marks, and `. _ -` between them; `findUsernameProblem` says which. */
export const usernameSyntax = '^[\\p{L}\\p{N}][\\p{L}\\p{M}\\p{N}._-]*$'

/** Names that stand for something else, or that people would take for it. */
const reservedNames = [
  ...['me', 'self', 'admin', 'administrator', 'root', 'superuser', 'system', 'operator', 'latchkey'],
  ...['support', 'help', 'security', 'abuse', 'postmaster', 'hostmaster', 'webmaster', 'info', 'no-reply'],
  ...['api', 'oauth', 'client', 'guest', 'anonymous', 'nobody', 'everyone', 'null', 'undefined'],
]

/**
 * Returns what is wrong with a new name beyond its syntax, or undefined. New names are Highly Restrictive (UTS 39 §5.2): of
 * the characters that Unicode recommends for identifiers, and of one writing system.
 */
export function findUsernameProblem(username: string): string | undefined {
  if (username.normalize('NFKC') !== username)
    return 'must be in Unicode normalization form C, without compatibility characters'
  if (invisible.test(username)) return 'must not have invisible characters'
  if (!fitsSecurityProfile(username))
    return 'must have only characters that Unicode recommends for identifiers'
  if (!isOfOneWritingSystem(username)) return 'must not mix scripts'
  if (!hasOneNumberSystem(username)) return 'must not mix systems of digits'
  if (isReserved(username)) return 'is reserved'
  return undefined
}

/** Version of the rules below and of their table: with another one, the keys of all names are computed anew. */
export const keysVersion = 1

/** The keys of a name. */
export interface UsernameKeys {
  /** Identifies the name by itself, without case. */
  spelling: string
  /** Identify all names that look like it: the skeletons of the name and of its case-folded form (UTS 39 §4). */
  looks: string[]
  /** Whether other names may have the same `looks`, as long as they are of ASCII characters alone too. */
  isAscii: boolean
}

/**
 * Returns the keys by which names are compared. Two names look alike if they share one of their `looks`, unless both are of
 * ASCII characters alone: those are told apart by their spelling, so that `user10` and `userlo` are two names.
 */
export function usernameKeys(username: string): UsernameKeys {
  const looks = [skeleton(username), skeleton(foldCase(username))].map(withoutCase)
  return {
    spelling: foldCase(username),
    looks: [...new Set(looks)],
    isAscii: /^\p{ASCII}*$/u.test(username),
  }
}

/** Whether two names cannot both be taken. */
export function lookAlike(one: string, other: string): boolean {
  return areAlike(usernameKeys(one), usernameKeys(other))
}

function areAlike(one: UsernameKeys, other: UsernameKeys): boolean {
  if (one.isAscii && other.isAscii) return one.spelling === other.spelling
  return one.looks.some((look) => other.looks.includes(look))
}

/** Keys of the reserved names, computed when they are first needed: a start needs none. */
let reservedKeys: UsernameKeys[] | undefined

function isReserved(username: string): boolean {
  reservedKeys ??= reservedNames.map(usernameKeys)
  const keys = usernameKeys(username)
  return reservedKeys.some((reserved) => areAlike(keys, reserved))
}

/**
 * Folding makes letters that look like others again, as `O` becomes `o`: a few rounds until nothing changes. In the end
 * `i` is `l`: their capital and small letters look like one another, so that `admin` looks like `ADMlN`.
 */
function withoutCase(look: string): string {
  let [before, after] = ['', look]
  for (let round = 0; before !== after && round < maxRounds; round++)
    [before, after] = [after, skeleton(foldCase(after))]
  return after.replaceAll('i', 'l')
}

/** All single characters settle in two rounds. */
const maxRounds = 8

/** Folds by way of upper case, which makes `ß` and `SS` the same. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase()
}
