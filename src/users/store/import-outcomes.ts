import type { Transaction } from '../../database/client.js'
import type { Work } from '../../passwords/schemes/scheme.js'
import { findFreeUsernames } from '../names/free-names.js'
import type { NewUser } from './accounts.js'

/** A user of another system. */
export interface ImportedAccount extends NewUser {
  scopes: string[]
  /** Names of roles. */
  roles: string[]
  /** The `sub` of tokens for other resources. */
  subject: string
  /** Hash that counts until the first login, with the work of verifying it; null if the user's own hash counts. */
  importedHash: { hash: string; work: Work } | null
}

/** Result of storing an account. An account that exists is left as it is. */
export type ImportOutcome =
  | 'created'
  | 'exists'
  | 'name_taken'
  | 'email_taken'
  | 'subject_taken'
  | 'not_storable'

/** Decides for each account whether it can be created. */
export async function decideOutcomes(
  accounts: ImportedAccount[],
  macKey: Buffer | null,
  transaction: Transaction,
): Promise<ImportOutcome[]> {
  const usernames = [...new Set(accounts.map(({ username }) => username))]
  const existing = await findExisting(usernames, accounts, transaction)
  const free = await findFreeUsernames(
    usernames.filter((username) => !existing.usernames.has(username)),
    macKey,
    transaction,
  )
  return accounts.map(({ username, email, subject }) => {
    if (existing.usernames.has(username)) return 'exists'
    if (!free.has(username) || existing.usernameKeys.has(username.toLowerCase())) return 'name_taken'
    if (email !== null && existing.emailKeys.has(email.toLowerCase())) return 'email_taken'
    if (existing.subjects.has(subject)) return 'subject_taken'
    // Later accounts of the batch must find this one, as if it were already stored.
    existing.usernames.add(username)
    existing.usernameKeys.add(username.toLowerCase())
    if (email !== null) existing.emailKeys.add(email.toLowerCase())
    existing.subjects.add(subject)
    return 'created'
  })
}

/** Returns the usernames, subjects, and keys of usernames and confirmed addresses that users have. */
async function findExisting(usernames: string[], accounts: ImportedAccount[], transaction: Transaction) {
  const usernameKeys = usernames.map((username) => username.toLowerCase())
  const emailKeys = accounts.flatMap(({ email }) => (email === null ? [] : [email.toLowerCase()]))
  const subjects = accounts.map(({ subject }) => subject)
  const rows = await transaction.$queryRaw<
    { username: string; usernameKey: string | null; emailKey: string | null; subject: string }[]
  >`
    SELECT username, username_key AS "usernameKey", email_key AS "emailKey", subject FROM users
    WHERE username = ANY (${usernames}) OR username_key = ANY (${usernameKeys}) OR email_key = ANY (${emailKeys})
      OR subject = ANY (${subjects})`
  return {
    usernames: new Set(rows.map(({ username }) => username)),
    usernameKeys: new Set(rows.map(({ usernameKey }) => usernameKey)),
    emailKeys: new Set(rows.map(({ emailKey }) => emailKey)),
    subjects: new Set(rows.map(({ subject }) => subject)),
  }
}
