import type { Database } from '../database/index.js'

/** What a request may know of its caller. */
export interface CurrentUser {
  id: string
  username: string
  email: string | null
  fullName: string | null
  disabled: boolean
}

/** What a login compares with, or null when nobody has that name. */
export async function findCredentials(username: string, database: Database) {
  if (!isStorable(username)) return null
  return database.user.findUnique({
    where: { username },
    select: { id: true, username: true, hashedPassword: true, disabled: true, generation: true },
  })
}

/** Replaces the hash of a password by another one of the same password, unless it has changed since it was read. */
export async function replaceHash(
  username: string,
  from: string,
  to: string,
  database: Database,
): Promise<void> {
  await database.user.updateMany({
    where: { username, hashedPassword: from },
    data: { hashedPassword: to, rehashedAt: new Date() },
  })
}

/** PostgreSQL stores neither NUL nor half a surrogate pair, so no user can have such a name. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
