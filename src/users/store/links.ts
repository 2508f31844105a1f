import { type Sql, sql, type Transaction } from '../../database/client.js'
import type { EmailHolder, Emails } from './emails.js'
import { expiryOf, fingerprintOf, type LinkPurpose, newToken } from './one-time-tokens.js'

/** User to whom a link was mailed. */
export interface LinkOwner extends Emails {
  id: string
  username: string
}

/** User whose address a link has confirmed, with the address that was confirmed before. */
export interface ConfirmedUser {
  id: string
  username: string
  formerEmail: string | null
}

/** Creates a token to mail to an account. Returns null if the account has changed since it was read. */
export async function createLinkToken(
  purpose: LinkPurpose,
  { id, userGeneration, address, addressGeneration }: EmailHolder,
  database: Transaction,
): Promise<string | null> {
  const token = newToken()
  const created = await database.$executeRaw`
    WITH token AS (
      SELECT ${id}::uuid AS user_id, ${userGeneration}::int AS user_generation, ${address} AS email,
        ${addressGeneration}::int AS email_generation
    ), mailed AS (
      UPDATE users SET link_mailed_at = clock_timestamp() FROM token WHERE users.id = user_id AND ${isStillValid[purpose]}
      RETURNING token.*
    )
    INSERT INTO one_time_tokens (fingerprint, purpose, user_id, user_generation, email, email_generation, expires_at)
    SELECT ${fingerprintOf(token)}, ${purpose}, user_id, user_generation, email, email_generation, ${expiryOf(purpose)}
    FROM mailed`
  return created === 1 ? token : null
}

/** Returns the user to whom a link was mailed, or null if it is invalid. */
export async function findLinkOwner(
  purpose: LinkPurpose,
  token: string,
  database: Transaction,
): Promise<LinkOwner | null> {
  const [owner] = await database.$queryRaw<LinkOwner[]>`
    SELECT users.id, username, users.email, pending_email AS "pendingEmail"
    FROM one_time_tokens AS token JOIN users ON users.id = user_id
    WHERE ${isUnexpired(token, purpose)} AND ${isStillValid[purpose]}`
  return owner ?? null
}

/**
 * Uses up a token and confirms the address that it was mailed to. Returns the user, or null if the token is invalid.
 */
export async function confirmPendingEmail(
  token: string,
  database: Transaction,
): Promise<ConfirmedUser | null> {
  const [confirmed] = await database.$queryRaw<ConfirmedUser[]>`
    WITH token AS (
      DELETE FROM one_time_tokens AS token WHERE ${isUnexpired(token, 'confirm_email')} RETURNING *
    ), former AS (
      SELECT id, email FROM users WHERE id = (SELECT user_id FROM token) FOR NO KEY UPDATE
    )
    UPDATE users SET email = token.email, pending_email = NULL
    FROM token, former WHERE users.id = user_id AND users.id = former.id AND ${confirms}
    RETURNING users.id, username, former.email AS "formerEmail"`
  return confirmed ?? null
}

/**
 * Uses up a token and sets a password, which revokes all tokens of the user. Returns whether the token was valid:
 * issued in the user's current generation, and mailed to an address that still recovers the account.
 */
export async function setPasswordByLink(
  token: string,
  hashedPassword: string,
  database: Transaction,
): Promise<boolean> {
  const reset = await database.$executeRaw`
    WITH token AS (
      DELETE FROM one_time_tokens AS token WHERE ${isUnexpired(token, 'reset_password')} RETURNING *
    )
    UPDATE users SET hashed_password = ${hashedPassword}, password_change_required = false, updated_at = now()
    FROM token WHERE users.id = user_id AND ${recovers}`
  return reset === 1
}

/** Returns the condition that a row `token` is the given one, has the purpose and has not expired. */
function isUnexpired(token: string, purpose: LinkPurpose): Sql {
  return sql`(token.fingerprint = ${fingerprintOf(token)} AND token.purpose = ${purpose} AND token.expires_at > now())`
}

/** Condition that the state a `token` was issued for is still that of its row of `users`, to reset the password. */
const recovers = sql`(
  users.generation = token.user_generation AND NOT users.disabled AND (
    (users.email = token.email AND users.email_generation = token.email_generation)
    OR (
      users.email IS NULL AND users.pending_since_registration
      AND users.pending_email = token.email AND users.pending_email_generation = token.email_generation
    )
  )
)`

/** The same condition to confirm an address. */
const confirms = sql`(
  users.generation = token.user_generation AND NOT users.disabled
  AND users.pending_email = token.email AND users.pending_email_generation = token.email_generation
)`

/** The condition for a purpose. */
const isStillValid: Record<LinkPurpose, Sql> = { confirm_email: confirms, reset_password: recovers }
