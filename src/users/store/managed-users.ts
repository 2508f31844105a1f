import type { Transaction } from '../../database/client.js'
import { escapeLike } from '../../database/like.js'
import { isStorable } from '../../database/storable.js'

/** A user as administrators and operators manage them. */
export type StoredUser = NonNullable<Awaited<ReturnType<typeof findManagedUser>>>

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
  fullName: true,
  disabled: true,
  scopes: true,
  passwordChangeRequired: true,
  createdAt: true,
} as const

/** Returns users sorted by username. */
export async function listUsers(
  { limit, after, namePrefix, disabled }: UserPage,
  database: Transaction,
): Promise<StoredUser[]> {
  return database.user.findMany({
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
}

/** Returns a user, or null. */
export async function findManagedUser(username: string, database: Transaction) {
  return database.user.findUnique({ where: { username }, select: managedColumns })
}

/** Changes what administrators may change about a user. Returns the user, or null. */
export async function updateUser(
  username: string,
  changes: { disabled?: boolean; passwordChangeRequired?: boolean; scopes?: string[] },
  database: Transaction,
): Promise<StoredUser | null> {
  if (!isStorable(username)) return null
  const [updated] = await database.user.updateManyAndReturn({
    where: { username },
    data: changes,
    select: managedColumns,
  })
  return updated ?? null
}

/** Disables a user, which revokes all their tokens, or enables them again. Returns whether the user exists. */
export async function setUserDisabled(
  username: string,
  disabled: boolean,
  database: Transaction,
): Promise<boolean> {
  return (await updateUser(username, { disabled }, database)) !== null
}
