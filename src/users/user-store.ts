import { type Database, sql, type Transaction } from '../database/client.js'
import { escapeLike } from '../database/like.js'
import { queryRows } from '../database/query.js'
import { isStorable } from '../database/storable.js'
import { claimUsername, nameClaim } from './taken-names.js'

/** What a request may know of its caller. */
export interface CurrentUser {
  id: string
  username: string
  /** The address that the user gave last, confirmed or not. */
  email: string | null
  fullName: string | null
  disabled: boolean
}

/** A user as administrators and operators manage one. */
export type StoredUser = NonNullable<Awaited<ReturnType<typeof findManagedUser>>>

/** What a new user is. */
export interface NewUser {
  username: string
  email: string | null
  pendingEmail?: string | null
  fullName: string | null
  hashedPassword: string
  disabled: boolean
  passwordChangeRequired?: boolean
}

/** What a log-in compares with, and what it is good for. */
export interface Credentials {
  id: string
  username: string
  hashedPassword: string
  disabled: boolean
  generation: number
  passwordChangeRequired: boolean
  scopes: string[]
}

/** Somebody who can be reached at an address, as it was read. */
export interface EmailHolder {
  id: string
  username: string
  userGeneration: number
  /** As the user spelled it. */
  address: string
  addressGeneration: number
}

/** Which users to list: by their names, so many after one. */
export interface UserPage {
  limit: number
  after?: string | null | undefined
  namePrefix?: string | undefined
  disabled?: boolean | undefined
}

/** Maximum number of accounts that one mail has links for. */
const maxAccountsInMail = 10

const managed = {
  id: true,
  username: true,
  email: true,
  fullName: true,
  disabled: true,
  scopes: true,
  passwordChangeRequired: true,
  createdAt: true,
} as const

/** Whose things a path names, or null. */
export async function findOwner(username: string, database: Transaction) {
  if (!isStorable(username)) return null
  return database.user.findUnique({ where: { username }, select: { id: true, username: true } })
}

/** What a login compares with, or null when nobody has that name. */
export async function findCredentials(username: string, database: Database): Promise<Credentials | null> {
  if (!isStorable(username)) return null
  const [found] = await queryRows<Credentials>(credentials, [username], database)
  return found ?? null
}

const credentials = `
  SELECT id, username, hashed_password AS "hashedPassword", disabled, generation, scopes,
    password_change_required AS "passwordChangeRequired"
  FROM users WHERE username = $1`

/** Replaces the hash of a password by another one of the same password, unless it has changed since it was read. */
export async function replaceHash(
  username: string,
  from: string,
  to: string,
  database: Transaction,
): Promise<void> {
  await database.$executeRaw`
    UPDATE users SET hashed_password = ${to}, rehashed_at = clock_timestamp(), updated_at = now()
    WHERE username = ${username} AND hashed_password = ${from}`
}

/**
 * Adds a user, and claims the name for good. Run it in a transaction.
 *
 * @param macKey makes the keys of the name; without it the service claims the name when it starts
 * @returns the id, or null when the name or the address is taken: a name is, if it is or was that of a user, or looks like
 * such a name
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
 * Has the transaction write about as much to the disk as a new user takes, and wait for the disk when it commits, but
 * changes nothing and locks nothing.
 */
export async function writeNothing(transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`SELECT pg_logical_emit_message(true, 'latchkey', repeat(' ', 1000))`
}

/** Users by their names. */
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
    select: managed,
  })
}

/** A user as administrators see one, or null. */
export async function findManagedUser(username: string, database: Transaction) {
  return database.user.findUnique({ where: { username }, select: managed })
}

/** Changes what administrators may change of a user. Null when there is none. */
export async function updateUser(
  username: string,
  changes: { disabled?: boolean; passwordChangeRequired?: boolean; scopes?: string[] },
  database: Transaction,
): Promise<StoredUser | null> {
  if (!isStorable(username)) return null
  const where = { username }
  const [updated] = await database.user.updateManyAndReturn({ where, data: changes, select: managed })
  return updated ?? null
}

/** The addresses of a user: the one that is known to be theirs, and the one that waits to be confirmed. */
export async function findEmails(id: string, database: Transaction) {
  const none = { email: null, pendingEmail: null }
  const select = { email: true, pendingEmail: true }
  return (await database.user.findUnique({ where: { id }, select })) ?? none
}

/**
 * Returns the enabled users whose account the address recovers, however it is spelled: the one who has confirmed it or,
 * if nobody has, those who registered with it and have not changed their address since, first those who have waited
 * longest for a link: nothing that others do puts them before one who waits.
 */
export async function findUsersByEmail(email: string, database: Transaction): Promise<EmailHolder[]> {
  const found = await database.$queryRaw<(EmailHolder & { own: boolean })[]>`
    SELECT id, username, generation AS "userGeneration", email IS NOT NULL AS own, coalesce(email, pending_email) AS address,
      CASE WHEN email IS NULL THEN pending_email_generation ELSE email_generation END AS "addressGeneration"
    FROM users
    WHERE NOT disabled AND (
      email_key = lower(${email})
      OR (email IS NULL AND pending_email_key = lower(${email}) AND pending_since_registration)
    )
    ORDER BY own DESC, ${waiting} LIMIT ${maxAccountsInMail}`
  return found[0]?.own ? [found[0]] : found
}

/** The address that a user gave and has not confirmed yet, locked until the transaction ends. Null where there is none. */
export async function findPendingEmail(id: string, transaction: Transaction): Promise<EmailHolder | null> {
  const [found] = await transaction.$queryRaw<EmailHolder[]>`
    SELECT ${pendingHolder} FROM users
    WHERE id = ${id}::uuid AND pending_email IS NOT NULL AND NOT disabled FOR NO KEY UPDATE`
  return found ?? null
}

/**
 * Returns other enabled users who gave the address, however it is spelled, have no confirmed one and have no link that
 * confirms it. A user with a confirmed address gets a link by their own request only. Those whom another transaction
 * holds are left out: whoever asks for a link holds an account too, so waiting for one another would never end.
 */
export async function findUnconfirmedUsers(
  { id, address }: EmailHolder,
  transaction: Transaction,
): Promise<EmailHolder[]> {
  return transaction.$queryRaw<EmailHolder[]>`
    SELECT ${pendingHolder} FROM users
    WHERE pending_email_key = lower(${address}) AND email IS NULL
      AND NOT disabled AND id <> ${id}::uuid AND NOT EXISTS (
        SELECT FROM one_time_tokens AS token
        WHERE token.user_id = users.id AND purpose = 'confirm_email' AND token.expires_at > now()
          AND token.user_generation = users.generation AND token.email = pending_email
          AND token.email_generation = pending_email_generation
      )
    ORDER BY ${waiting} LIMIT ${maxAccountsInMail - 1} FOR NO KEY UPDATE SKIP LOCKED`
}

const pendingHolder = sql`id, username, generation AS "userGeneration", pending_email AS address,
  pending_email_generation AS "addressGeneration"`

/** Accounts in the order in which they have waited for a link: a new one waits behind those that are there. */
const waiting = sql`coalesce(link_mailed_at, created_at), id`

/** Addresses of a user. */
export interface Emails {
  email: string | null
  pendingEmail: string | null
}

/**
 * Locks the addresses of a user against changes until the transaction ends. Null when the user is gone, or no longer has
 * the password hash that was checked.
 */
export async function lockEmails(
  id: string,
  checkedHash: string | null,
  transaction: Transaction,
): Promise<Emails | null> {
  const [locked] = await transaction.$queryRaw<Emails[]>`
    SELECT email, pending_email AS "pendingEmail" FROM users
    WHERE id = ${id}::uuid AND hashed_password = coalesce(${checkedHash}, hashed_password)
    FOR NO KEY UPDATE`
  return locked ?? null
}

/** Changes the current user's own profile. Null when the user is gone. */
export async function updateProfile(
  id: string,
  changes: { fullName?: string | null; email?: null; pendingEmail?: string | null },
  database: Transaction,
): Promise<CurrentUser | null> {
  const select = { ...managed, pendingEmail: true }
  const [updated] = await database.user.updateManyAndReturn({ where: { id }, data: changes, select })
  return updated ? { ...updated, email: updated.pendingEmail ?? updated.email } : null
}

/** Locks a user out, which ends all their tokens, or lets them in again. Whether there is such a user. */
export async function setUserDisabled(
  username: string,
  disabled: boolean,
  database: Transaction,
): Promise<boolean> {
  return (await updateUser(username, { disabled }, database)) !== null
}

/** Sets another password, which ends all tokens of the user. Whether there is such a user. */
export async function setPassword(
  username: string,
  changes: { hashedPassword: string; passwordChangeRequired: boolean },
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.user.updateMany({ where: { username }, data: changes })
  return count === 1
}

/** Replaces a password that was checked, unless it has changed since; that ends all tokens of the user. Whether it did. */
export async function changePassword(
  id: string,
  from: string,
  to: string,
  database: Transaction,
): Promise<boolean> {
  const data = { hashedPassword: to, passwordChangeRequired: false }
  return (await database.user.updateMany({ where: { id, hashedPassword: from }, data })).count === 1
}

/** Deletes a user and all that they own. Whether there was such a user. */
export async function deleteUser(username: string, database: Transaction): Promise<boolean> {
  if (!isStorable(username)) return false
  const { count } = await database.user.deleteMany({ where: { username } })
  return count === 1
}

/** Deletes a user whose password was checked and has not changed since. Whether it did. */
export async function deleteOwnUser(
  id: string,
  hashedPassword: string,
  database: Transaction,
): Promise<boolean> {
  return (await database.user.deleteMany({ where: { id, hashedPassword } })).count === 1
}
