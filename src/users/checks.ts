import { InvalidInput } from '../errors.js'
import { findPasswordProblem, type PasswordOwner } from './password-rules.js'
import { findUsernameProblem } from './username.js'

/** @throws InvalidInput when nobody may be called so */
export function checkUsername(username: string): void {
  const problem = findUsernameProblem(username)
  if (problem) throw new InvalidInput('body', ['username'], 'username', problem)
}

/**
 * @param member of the body
 * @param former the password before, which the new one must not be
 * @throws InvalidInput when it must not be the owner's password
 */
export async function checkPassword(
  member: string,
  password: string,
  owner: PasswordOwner,
  former?: string,
): Promise<void> {
  const problem =
    password === former ? 'must be another one than before' : await findPasswordProblem(password, owner)
  if (problem) throw new InvalidInput('body', [member], 'password', problem)
}
