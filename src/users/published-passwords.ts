import { tutorialPasswords } from '../config/production.js'
import type { Database } from '../database/client.js'
import { OperatorError } from '../lifecycle/operator-error.js'
import { verifyPassword } from '../passwords/bcrypt.js'
import { findCredentials } from './store/credentials.js'

/** Returns the tutorial's users who still have their published passwords. */
export async function findPublishedPasswords(database: Database): Promise<string[]> {
  const found: string[] = []
  for (const [username, password] of tutorialPasswords) {
    const user = await findCredentials(username, database)
    // With the lowest cost as the minimum: the time need not hide here whether the user exists.
    if (user && (await verifyPassword(password, user.hashedPassword, 4))) found.push(username)
  }
  return found
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
