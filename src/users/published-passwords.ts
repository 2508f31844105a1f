import { tutorialPasswords } from '../config/production.js'
import type { Database } from '../database/client.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { verifyPassword } from '../passwords/verify.js'
import { findCredentials, hashToVerify } from './store/credentials.js'

/** Returns the tutorial's users who still have their published passwords. */
export async function findPublishedPasswords(database: Database): Promise<string[]> {
  const found: string[] = []
  for (const [username, password] of tutorialPasswords)
    if (await isPasswordOf(username, password, database)) found.push(username)
  return found
}

/**
 * Returns whether a user has this password. The time it takes reveals whether the user exists, so requests must not
 * use it.
 */
export async function isPasswordOf(username: string, password: string, database: Database): Promise<boolean> {
  const user = await findCredentials(username, database)
  return user !== null && verifyPassword(password, hashToVerify(user), [])
}

/** Returns what to do about a published password. */
export function describePublished(username: string): string {
  return `has a published password: latchkey users delete ${username}, or set-password ${username}`
}

/** Rejects a database in which a user has a published password. @throws OperatorError */
export async function refusePublishedPasswords(database: Database): Promise<void> {
  const [username] = await findPublishedPasswords(database)
  if (username) throw new OperatorError(`${username} ${describePublished(username)} (NODE_ENV is production)`)
}
