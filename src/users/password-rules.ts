import { InvalidInput } from '../errors.js'
import { retryableOnce } from '../lifecycle/once.js'
import { canBeHashed } from '../passwords/hash-password.js'

/** Minimum number of characters (NIST SP 800-63B §3.1.1.2). */
export const minPasswordLength = 8

/** Loads the list of common passwords on first use, because it takes a lot of memory. */
const readCommonPasswords = retryableOnce(async () => {
  // The package is CommonJS. In the bundle its exports are in the default export only.
  const { default: common } = await import('@zxcvbn-ts/language-common')
  return new Set(common.dictionary['passwords-common'] as string[])
})

/** Names and addresses of the user, which must not be their password. */
export interface PasswordOwner {
  username: string
  emails: (string | null | undefined)[]
}

/**
 * Returns what is wrong with a new password, or undefined. There are no composition rules (NIST SP 800-63B §3.1.1.2).
 */
export async function findPasswordProblem(
  password: string,
  { username, emails }: PasswordOwner,
): Promise<string | undefined> {
  if ([...password].length < minPasswordLength) return `must have at least ${minPasswordLength} characters`
  if (!canBeHashed(password)) return 'must have at most 72 bytes of UTF-8 and no NUL'
  const names = [username, ...emails.flatMap((email) => (email ? [email, email.replace(/@.*/s, '')] : []))]
  const lowerCase = password.toLowerCase()
  if (names.some((name) => name.toLowerCase() === lowerCase))
    return 'must not be the username or the e-mail address'
  if ((await readCommonPasswords()).has(lowerCase)) return 'is too common'
  return undefined
}

/**
 * Rejects a new password that breaks the rules.
 *
 * @param member of the body that holds the password
 * @param former current password, which must not be used again
 * @throws InvalidInput
 */
export async function requireNewPassword(
  member: string,
  password: string,
  owner: PasswordOwner,
  former?: string,
): Promise<void> {
  const problem =
    password === former ? 'must differ from the current password' : await findPasswordProblem(password, owner)
  if (problem) throw new InvalidInput('body', [member], 'password', problem)
}
