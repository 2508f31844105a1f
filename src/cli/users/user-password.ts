import { hashPassword } from '../../passwords/hash-password.js'
import { findPasswordProblem, type PasswordOwner } from '../../users/password-rules.js'
import type { Io } from '../io.js'
import { readNewPassword } from '../password.js'
import type { Options } from '../run.js'
import { rulesUnlessForced } from './user-arguments.js'

/** Hash of a new password, and the password itself if it was generated. */
export interface HashedPassword {
  hashedPassword: string
  generated: string | null
}

/** Reads a new password by the rules of the API, and hashes it. */
export async function readHash(
  owner: PasswordOwner,
  cost: number,
  options: Options,
  io: Io,
): Promise<HashedPassword> {
  const requireRule = rulesUnlessForced(options, io)
  const { password, isGenerated } = await readNewPassword(options, io, async (given) =>
    requireRule('password', await findPasswordProblem(given, owner)),
  )
  return { hashedPassword: await hashPassword(password, cost), generated: isGenerated ? password : null }
}

/** Returns the lines that show a generated password. */
export function showPassword(password: string | null): string[] {
  return password === null ? [] : [`password  ${password}`, 'The password is not shown again.']
}
