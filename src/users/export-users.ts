import type { Database } from '../database/client.js'
import { isUnusableHash } from '../passwords/unusable-hash.js'
import type { AccountRow } from './import/account.js'
import { findAccounts, type StoredAccount } from './store/exports.js'

/** Number of users that are read at a time. */
const pageUsers = 1_000

/**
 * Yields all users in the order of their usernames, as an import reads them.
 *
 * @param withHashes whether the password hashes are included
 */
export async function* exportUsers(withHashes: boolean, database: Database): AsyncGenerator<AccountRow> {
  let after = ''
  for (;;) {
    const accounts = await findAccounts(after, pageUsers, database)
    for (const account of accounts) yield toRow(account, withHashes)
    const last = accounts.at(-1)
    if (!last || accounts.length < pageUsers) return
    after = last.username
  }
}

function toRow({ hashedPassword, importedHash, ...row }: StoredAccount, withHashes: boolean): AccountRow {
  const ownHash = isUnusableHash(hashedPassword) ? null : hashedPassword
  return withHashes ? { ...row, hashed_password: importedHash ?? ownHash } : row
}
