import type { Transaction } from '../../database/client.js'
import { escapeLike } from '../../database/like.js'
import { isStorable } from '../../database/storable.js'
import type { Emails } from './emails.js'

/** A user as administrators and operators manage them. */
export interface StoredUser extends Emails {
  id: string
  username: string
  fullName: string | null
  disabled: boolean
  /** Scopes beyond those that every user has and those of roles. */
  scopes: string[]
  /** Names of roles. */
  roles: string[]
  /** The `sub` of tokens for other resources. */
  subject: string
  passwordChangeRequired: boolean
  createdAt: Date
}

/** A page of the list of users, which is sorted by username. */
export interface UserPage {
  /** Maximum number of users. */
  limit: number
  /** Username that the page begins after. */
  after?: string | null | undefined
  namePrefix?: string | undefined
  disabled?: boolean | undefined
}

const managedColumns = {
  id: true,
  username: true,
  email: true,
  pendingEmail: true,
  fullName: true,
  disabled: true,
  scopes: true,
  roles: { select: { roleName: true }, orderBy: { roleName: 'asc' } },
  subject: true,
  passwordChangeRequired: true,
  createdAt: true,
} as const

/** Returns users sorted by username. */
export async function listUsers(
  { limit, after, namePrefix, disabled }: UserPage,
  database: Transaction,
): Promise<StoredUser[]> {
  const rows = await database.user.findMany({
    where: {
      username: {
        ...(after && { gt: after }),
        ...(namePrefix && { startsWith: escapeLike(namePrefix) }),
      },
      ...(disabled !== undefined && { disabled }),
    },
    orderBy: { username: 'asc' },
    take: limit,
    select: managedColumns,
  })
  return toStoredUsers(rows, database)
}

/** Returns a user, or null. */
export async function findManagedUser(username: string, database: Transaction): Promise<StoredUser | null> {
  if (!isStorable(username)) return null
  const row = await database.user.findUnique({ where: { username }, select: managedColumns })
  return row && ((await toStoredUsers([row], database))[0] as StoredUser)
}

/** Returns whether the address that a user gave last is verified, or null if there is none. */
export function isEmailVerified({ email, pendingEmail }: Emails): boolean | null {
  if (pendingEmail !== null) return false
  return email === null ? null : true
}

/** Changes what administrators may change about a user. Returns the user, or null. */
export async function updateUser(
  username: string,
  changes: { disabled?: boolean; passwordChangeRequired?: boolean; scopes?: string[] },
  database: Transaction,
): Promise<StoredUser | null> {
  if (!isStorable(username)) return null
  const { count } = await database.user.updateMany({ where: { username }, data: changes })
  return count === 1 ? findManagedUser(username, database) : null
}

/** Gives scopes to a user and takes others away. Returns the scopes that the user has then, or null. */
export async function changeScopes(
  username: string,
  { add, remove }: { add: string[]; remove: string[] },
  database: Transaction,
): Promise<string[] | null> {
  if (!isStorable(username)) return null
  const [changed] = await database.$queryRaw<{ scopes: string[] }[]>`
    UPDATE users SET scopes = ARRAY(
      SELECT scope FROM unnest(scopes || ${add}::varchar[]) AS scope
      WHERE scope <> ALL (${remove}::varchar[]) GROUP BY scope ORDER BY scope
    ) WHERE username = ${username} RETURNING scopes`
  return changed?.scopes ?? null
}

/** Disables a user, which revokes all their tokens, or enables them again. Returns whether the user exists. */
export async function setUserDisabled(
  username: string,
  disabled: boolean,
  database: Transaction,
): Promise<boolean> {
  return (await updateUser(username, { disabled }, database)) !== null
}

type UserRow = Omit<StoredUser, 'roles'> & { roles: { roleName: string }[] }

/** Converts rows. A deleted scope is taken from users in batches: it is left out until then. */
async function toStoredUsers(rows: UserRow[], database: Transaction): Promise<StoredUser[]> {
  const held = rows.flatMap(({ scopes }) => scopes)
  const where = { kind: 'scope', key: { in: held } }
  const departed = held.length > 0 ? await database.departure.findMany({ where, select: { key: true } }) : []
  return rows.map(({ roles, scopes, ...user }) => ({
    ...user,
    scopes: scopes.filter((scope) => !departed.some(({ key }) => key === scope)),
    roles: roles.map(({ roleName }) => roleName),
  }))
}
