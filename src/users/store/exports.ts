import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import { ownScopes } from './granted-scopes.js'

/** Members of an exported user, which an import reads again. */
export const accountFields = [
  'username',
  'email',
  'email_verified',
  'full_name',
  'disabled',
  'password_change_required',
  'scopes',
  'roles',
  'subject',
  'hashed_password',
] as const

/** Member of an exported user, and of a row of an import. */
export type AccountField = (typeof accountFields)[number]

/** A user, with the members that an import reads and both password hashes. */
export interface StoredAccount extends Record<Exclude<AccountField, 'hashed_password'>, unknown> {
  username: string
  hashedPassword: string
  importedHash: string | null
}

/**
 * Returns users in the order of their usernames. Each has one address: the confirmed one or, if there is none, the one that
 * waits to be confirmed.
 *
 * @param after username that they come after, or `''`
 */
export async function findAccounts(
  after: string,
  limit: number,
  database: Database,
): Promise<StoredAccount[]> {
  return queryRows<StoredAccount>(accounts, [after, limit], database)
}

const accounts = `
  SELECT username, coalesce(email, pending_email) AS email, email IS NOT NULL AS email_verified, full_name, disabled,
    password_change_required, ${ownScopes}::text[] AS scopes,
    ARRAY(SELECT role::text FROM user_roles WHERE user_roles.user_id = users.id ORDER BY role) AS roles, subject,
    hashed_password AS "hashedPassword", hash AS "importedHash"
  FROM users LEFT JOIN imported_hashes ON imported_hashes.user_id = users.id
  WHERE username > $1 ORDER BY username LIMIT $2`
