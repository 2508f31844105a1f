import { retryableOnce } from '../lifecycle/once.js'
import { canBeHashed } from '../passwords/bcrypt.js'

/** Fewer characters are too few (NIST SP 800-63B §3.1.1.2). */
const minPasswordLength = 8

/** Their list takes as much memory as much of the service: it is read when the first password is chosen. */
const readCommonPasswords = retryableOnce(async () => {
  const { dictionary } = await import('@zxcvbn-ts/language-common')
  return new Set(dictionary['passwords-common'] as string[])
})

/** Whose password it is to be: it must be none of these. */
export interface PasswordOwner {
  username: string
  emails: (string | null | undefined)[]
}

/** What is wrong with a new password, or undefined. There are no rules of composition (NIST SP 800-63B §3.1.1.2). */
export async function findPasswordProblem(
  password: string,
  { username, emails }: PasswordOwner,
): Promise<string | undefined> {
  if ([...password].length < minPasswordLength) return `must have ${minPasswordLength} or more characters`
  if (!canBeHashed(password)) return 'must have at most 72 bytes of UTF-8 and no NUL'
  const names = [username, ...emails.flatMap((email) => (email ? [email, email.replace(/@.*/s, '')] : []))]
  const lowerCase = password.toLowerCase()
  if (names.some((name) => name.toLowerCase() === lowerCase))
    return 'must not be the username or the e-mail address'
  if ((await readCommonPasswords()).has(lowerCase)) return 'is too common'
  return undefined
}
