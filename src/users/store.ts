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

/** What a new user is. */
export interface NewUser {
  username: string
  email: string | null
  fullName: string | null
  hashedPassword: string
  disabled: boolean
}

/** Adds a user. Whether the name was free. */
export async function createUser(user: NewUser, database: Database): Promise<boolean> {
  const { count } = await database.user.createMany({ data: [user], skipDuplicates: true })
  return count === 1
}

/** At most `limit` users whose names come after one, by their names. */
export async function listUsers(limit: number, after: string, database: Database) {
  return database.user.findMany({
    where: { username: { gt: after } },
    orderBy: { username: 'asc' },
    take: limit,
    select: { username: true, email: true, fullName: true, disabled: true, createdAt: true },
  })
}

/** Locks a user out, which ends all his tokens, or lets him in again. Whether there is such a user. */
export async function setUserDisabled(
  username: string,
  disabled: boolean,
  database: Database,
): Promise<boolean> {
  if (!isStorable(username)) return false
  const { count } = await database.user.updateMany({ where: { username }, data: { disabled } })
  return count === 1
}

/** Sets another password, which ends all tokens of the user. Whether there is such a user. */
export async function setPassword(
  username: string,
  hashedPassword: string,
  database: Database,
): Promise<boolean> {
  if (!isStorable(username)) return false
  const { count } = await database.user.updateMany({ where: { username }, data: { hashedPassword } })
  return count === 1
}

/** Deletes a user and all that he owns. Whether there was such a user. */
export async function deleteUser(username: string, database: Database): Promise<boolean> {
  if (!isStorable(username)) return false
  const { count } = await database.user.deleteMany({ where: { username } })
  return count === 1
}

/** PostgreSQL stores neither NUL nor half a surrogate pair, so no user can have such a name. */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
