import { hasOneNumberSystem, isOfOneWritingSystem } from './scripts.js'
import { fitsSecurityProfile } from './security-profile.js'
import { invisible } from './skeleton.js'
import { areAlike, type UsernameKeys, usernameKeys } from './username-keys.js'

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

/** Keys of the reserved usernames, computed on first use, so that they do not slow down the start. */
let reservedKeys: UsernameKeys[] | undefined

function isReserved(username: string): boolean {
  reservedKeys ??= reservedNames.map(usernameKeys)
  const keys = usernameKeys(username)
  return reservedKeys.some((reserved) => areAlike(keys, reserved))
}
