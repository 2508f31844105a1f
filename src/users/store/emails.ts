import { sql, type Transaction } from '../../database/client.js'

/** E-mail addresses of a user. */
export interface Emails {
  /** Confirmed address. */
  email: string | null
  /** Address that is waiting to be confirmed. */
  pendingEmail: string | null
}

/** An account with an address, in the generations in which it was read. */
export interface EmailHolder {
  id: string
  username: string
  userGeneration: number
  /** Address as the user spelled it. */
  address: string
  addressGeneration: number
}

/** Maximum number of accounts that one e-mail has links for. */
const maxAccountsInMail = 10

/** Returns the addresses of a user; both are null if the user no longer exists. */
export async function findEmails(id: string, database: Transaction): Promise<Emails> {
  const found = await database.user.findUnique({
    where: { id },
    select: { email: true, pendingEmail: true },
  })
  return found ?? { email: null, pendingEmail: null }
}

/** Sets the addresses of a user, of which a verified one belongs to one user only. Returns whether the user exists. */
export async function setEmails(
  username: string,
  emails: Partial<Emails>,
  database: Transaction,
): Promise<boolean> {
  const { count } = await database.user.updateMany({ where: { username }, data: emails })
  return count === 1
}

/**
 * Returns the addresses of a user, and locks them against changes until the transaction ends.
 *
 * @param checkedHash hash that a password was checked against, or null
 * @returns null if the user no longer exists or no longer has the checked hash
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

/**
 * Returns the enabled users whose account the address recovers, ignoring case: the user who has confirmed it or, if
 * there is none, those who registered with it and have not changed their address since. The latter are sorted by how
 * long they have waited for a link, so that nobody can push them back by registering more accounts.
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

/** Returns the unconfirmed address of a user, locked until the transaction ends, or null. */
export async function findPendingEmail(id: string, transaction: Transaction): Promise<EmailHolder | null> {
  const [found] = await transaction.$queryRaw<EmailHolder[]>`
    SELECT ${pendingHolder} FROM users
    WHERE id = ${id}::uuid AND pending_email IS NOT NULL AND NOT disabled FOR NO KEY UPDATE`
  return found ?? null
}

/**
 * Returns the other enabled users who gave the address, ignoring case, have no confirmed address and no valid link to
 * confirm this one. Users with a confirmed address get a link only at their own request. Accounts that another
 * transaction has locked are skipped: each such transaction holds an account itself, so waiting could deadlock.
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

/** Sorts accounts by how long they have waited for a link: a new account goes behind the existing ones. */
const waiting = sql`coalesce(link_mailed_at, created_at), id`
