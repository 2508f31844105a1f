import type { Database, Transaction } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import { isStorable } from '../../database/storable.js'
import { grantedScopes } from './granted-scopes.js'

/** Stored password hash of a user, and the facts that decide which tokens a login gets. */
export interface Credentials {
  id: string
  username: string
  hashedPassword: string
  /** Hash from another system, which counts instead of the user's own until the password is hashed again. */
  importedHash: string | null
  disabled: boolean
  generation: number
  passwordChangeRequired: boolean
  /** Scopes beyond those that every user has: the user's own, those of roles, and default ones of resources. */
  scopes: string[]
  /** The `sub` of tokens for other resources. */
  subject: string
}

/** Returns the credentials of a user, or null if the username is unknown. */
export async function findCredentials(username: string, database: Database): Promise<Credentials | null> {
  if (!isStorable(username)) return null
  const [found] = await queryRows<Credentials>(credentials, [username], database)
  return found ?? null
}

const credentials = `
  SELECT id, username, hashed_password AS "hashedPassword", imported_hashes.hash AS "importedHash",
    disabled, generation, ${grantedScopes} AS scopes, subject,
    password_change_required AS "passwordChangeRequired"
  FROM users LEFT JOIN imported_hashes ON user_id = id WHERE username = $1`

/** Returns the hash that a password is compared with, or undefined without a user. */
export function hashToVerify(user: Credentials | null): string | undefined {
  return user?.importedHash ?? user?.hashedPassword
}

/** Sets a password, which revokes all tokens of the user. Returns whether the user exists. */
export async function setPassword(
  username: string,
  changes: { hashedPassword: string; passwordChangeRequired: boolean },
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.user.updateMany({ where: { username }, data: changes })
  return count === 1
}

/**
 * Replaces a password unless it has changed since it was checked, which revokes all tokens of the user. Returns whether
 * it did.
 *
 * @param from the hash that was checked
 * @param to the hash of the new password
 */
export async function replacePassword(
  id: string,
  from: string,
  to: string,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.user.updateMany({
    where: { id, hashedPassword: from },
    data: { hashedPassword: to, passwordChangeRequired: false },
  })
  return count === 1
}

/**
 * Replaces the hash of a password by another hash of the same password, unless the password has changed since the hash
 * was read. Tokens stay valid.
 */
export async function replaceHash(
  username: string,
  from: string,
  to: string,
  database: Transaction,
): Promise<void> {
  await database.$executeRaw`
    UPDATE users SET hashed_password = ${to}, rehashed_at = clock_timestamp(), updated_at = now()
    WHERE username = ${username} AND hashed_password = ${from}`
}
