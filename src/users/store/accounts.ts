import type { Transaction } from '../../database/client.js'
import { isStorable } from '../../database/storable.js'
import { nameClaim } from '../names/name-digests.js'
import { claimUsername } from '../names/taken-names.js'

/** Columns of a new user. */
export interface NewUser {
  username: string
  email: string | null
  pendingEmail?: string | null
  fullName: string | null
  hashedPassword: string
  disabled: boolean
  passwordChangeRequired?: boolean
  /** Scopes beyond those that every user has. */
  scopes?: string[]
}

/** Returns the id and the name of the user that a path names, or null. */
export async function findOwner(username: string, database: Transaction) {
  if (!isStorable(username)) return null
  return database.user.findUnique({ where: { username }, select: { id: true, username: true } })
}

/**
 * Adds a user and claims the username permanently. Run it in a transaction.
 *
 * @param macKey makes the keys of the username; without it, the service claims the username when it next starts
 * @returns the id, or null if the address or the username is taken: a username is taken if it, or one that looks like
 * it, belongs or once belonged to a user
 */
export async function createUser(
  user: NewUser,
  macKey: Buffer | null,
  transaction: Transaction,
): Promise<string | null> {
  const [created] = await transaction.user.createManyAndReturn({
    data: [{ ...user, nameClaim: macKey && nameClaim(macKey) }],
    skipDuplicates: true,
    select: { id: true },
  })
  if (!created) return null
  if (await claimUsername(created.id, user.username, macKey, transaction)) return created.id
  await transaction.user.delete({ where: { id: created.id } })
  return null
}

/**
 * Writes about as much to the WAL as `createUser`, so that the commit takes as long, but changes nothing and takes no
 * lock.
 */
export async function simulateCreateUser(transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`SELECT pg_logical_emit_message(true, 'latchkey', repeat(' ', 1000))`
}

/** Deletes a user. Their items are removed afterwards: see `items/departed-owners.ts`. Returns whether the user existed. */
export async function deleteUser(username: string, database: Transaction): Promise<boolean> {
  if (!isStorable(username)) return false
  const { count } = await database.user.deleteMany({ where: { username } })
  return count === 1
}

/** Deletes a user unless their password hash has changed since it was checked. Returns whether it did. */
export async function deleteCheckedUser(
  id: string,
  hashedPassword: string,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.user.deleteMany({ where: { id, hashedPassword } })
  return count === 1
}
