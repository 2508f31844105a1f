import type { Database } from '../database/index.js'

/** What a request may know of its caller. */
export type CurrentUser = NonNullable<Awaited<ReturnType<typeof findUser>>>

const publicColumns = { id: true, username: true, email: true, fullName: true, disabled: true } as const

/** The user of that name, or null. */
export async function findUser(username: string, database: Database) {
  if (!isStorable(username)) return null
  return database.user.findUnique({ where: { username }, select: publicColumns })
}

/** What a login compares with, or null when nobody has that name. */
export async function findCredentials(username: string, database: Database) {
  if (!isStorable(username)) return null
  return database.user.findUnique({ where: { username }, select: { username: true, hashedPassword: true } })
}

/** Replaces a password hash unless it has changed since it was read. */
export async function replaceHash(
  username: string,
  from: string,
  to: string,
  database: Database,
): Promise<void> {
  await database.user.updateMany({ where: { username, hashedPassword: from }, data: { hashedPassword: to } })
}

/** PostgreSQL stores neither NUL nor half a surrogate pair, so no user can have such a name. */
function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}
