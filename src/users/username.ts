import { rectifyConfusion } from 'unicode-confusables'

/** Letters and digits of any script, combining marks, and `. _ -` between them. */
export const usernameSyntax = '^[\\p{L}\\p{N}][\\p{L}\\p{M}\\p{N}._-]*$'

/** Names that stand for something else, or that people would take for it. */
const reservedNames = [
  ...['me', 'self', 'admin', 'administrator', 'root', 'superuser', 'system', 'operator', 'latchkey'],
  ...['support', 'help', 'security', 'abuse', 'postmaster', 'hostmaster', 'webmaster', 'info', 'no-reply'],
  ...['api', 'oauth', 'client', 'guest', 'anonymous', 'nobody', 'everyone', 'null', 'undefined'],
]

/** What is wrong with a new name beyond its syntax, or undefined. */
export function findUsernameProblem(username: string): string | undefined {
  if (username.normalize('NFKC') !== username)
    return 'must be in Unicode normalization form C, without compatibility characters'
  if (/\p{Default_Ignorable_Code_Point}/u.test(username)) return 'must not have invisible characters'
  if (reservedKeys.has(usernameKey(username))) return 'is reserved'
  return undefined
}

/**
 * What no two names may share: the name without case, and with each letter that looks like another replaced by that
 * (Unicode Technical Standard 39 §4). ASCII stays as it is, so that `user10` and `userlo` are two names.
 */
export function usernameKey(username: string): string {
  const letters = [...foldCase(username).normalize('NFD')]
  return foldCase(letters.map((letter) => (letter < '\x80' ? letter : rectifyConfusion(letter))).join(''))
}

/** By way of upper case, which makes `ß` and `SS` the same. */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase()
}

const reservedKeys = new Set(reservedNames.map(usernameKey))
