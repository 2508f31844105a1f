import { skeleton } from './skeleton.js'

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

/** Returns whether the usernames with these keys look alike. */
export function areAlike(one: UsernameKeys, other: UsernameKeys): boolean {
  if (one.isAscii && other.isAscii) return one.spelling === other.spelling
  return one.looks.some((look) => other.looks.includes(look))
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
