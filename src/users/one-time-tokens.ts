import { createHash, randomBytes } from 'node:crypto'
import { type Sql, sql, type Transaction } from '../database/index.js'
import type { MailPurpose } from './mail-budget.js'
import type { Emails } from './store.js'

/** What a one-time token is good for, and for how many seconds. */
const lifetimes = { invitation: 7 * 86_400, confirm_email: 86_400, reset_password: 1_800 }

/** What a one-time token is good for. */
type Purpose = keyof typeof lifetimes

/** Maximum number of registrations that one invitation can try: each tells whether a name is taken. */
const maxInvitationAttempts = 5

/** User whom a token was mailed to. */
export interface TokenOwner extends Emails {
  id: string
  username: string
}

/** What is stored in a token's place. */
function fingerprintOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/**
 * Makes an invitation for one registration.
 *
 * @param inviterId the administrator it stands on: it ends with their generation, their account or their right to
 *   invite; null for the operator, whom nothing here can lock out
 */
export async function createInvitation(inviterId: string | null, database: Transaction): Promise<string> {
  const token = newToken()
  await database.$executeRaw`
    INSERT INTO one_time_tokens (fingerprint, purpose, invited_by, expires_at)
    VALUES (${fingerprintOf(token)}, 'invitation', ${inviterId}::uuid, ${expiryOf('invitation')})`
  return token
}

/** Makes a token to be mailed. Null when the user is gone. */
export async function createMailedToken(
  purpose: MailPurpose,
  userId: string,
  email: string,
  database: Transaction,
): Promise<string | null> {
  const token = newToken()
  const created = await database.$executeRaw`
    INSERT INTO one_time_tokens (fingerprint, purpose, user_id, user_generation, email, expires_at)
    SELECT ${fingerprintOf(token)}, ${purpose}, id, generation, ${email}, ${expiryOf(purpose)}
    FROM users WHERE id = ${userId}::uuid FOR KEY SHARE OF users`
  return created === 1 ? token : null
}

/** Whether an invitation is good. */
export async function isInvitation(token: string, database: Transaction): Promise<boolean> {
  const found = await database.$queryRaw<unknown[]>`
    SELECT FROM one_time_tokens AS invitation WHERE ${isGoodInvitation(token)}`
  return found.length === 1
}

/** Charges one registration to an invitation. Until the transaction ends, others with it wait. Whether it was good. */
export async function tryInvitation(token: string, transaction: Transaction): Promise<boolean> {
  const tried = await transaction.$executeRaw`
    UPDATE one_time_tokens AS invitation SET attempts = attempts + 1 WHERE ${isGoodInvitation(token)}`
  return tried === 1
}

/** Uses up an invitation that was tried in the same transaction. */
export async function useInvitation(token: string, transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`DELETE FROM one_time_tokens WHERE fingerprint = ${fingerprintOf(token)}`
}

/** Returns the user whose password a link resets, or null. */
export async function findTokenOwner(token: string, database: Transaction): Promise<TokenOwner | null> {
  const [owner] = await database.$queryRaw<TokenOwner[]>`
    SELECT users.id, username, users.email, pending_email AS "pendingEmail"
    FROM one_time_tokens AS token JOIN users ON users.id = user_id
    WHERE ${isGood(token, 'reset_password')} AND ${recovers}`
  return owner ?? null
}

/** Uses a token up and makes the address that it was mailed to the user's own. Returns the user, or null. */
export async function confirmEmail(
  token: string,
  database: Transaction,
): Promise<{ id: string; username: string } | null> {
  const [confirmed] = await database.$queryRaw<{ id: string; username: string }[]>`
    WITH token AS (DELETE FROM one_time_tokens AS token WHERE ${isGood(token, 'confirm_email')} RETURNING *)
    UPDATE users SET email = token.email, pending_email = NULL, updated_at = now()
    FROM token WHERE users.id = user_id AND generation = user_generation AND pending_email = token.email
    RETURNING users.id, username`
  return confirmed ?? null
}

/**
 * Uses a token up and sets another password, which ends all tokens of the user. Whether the token was good: issued under
 * the generation of now, and mailed to an address that still recovers the account.
 */
export async function resetPassword(
  token: string,
  hashedPassword: string,
  database: Transaction,
): Promise<boolean> {
  const reset = await database.$executeRaw`
    WITH token AS (DELETE FROM one_time_tokens AS token WHERE ${isGood(token, 'reset_password')} RETURNING *)
    UPDATE users SET hashed_password = ${hashedPassword}, password_change_required = false, updated_at = now()
    FROM token WHERE users.id = user_id AND ${recovers}`
  return reset === 1
}

function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** Returns the condition that a row `token` is good for a purpose now, whichever user it belongs to. */
function isGood(token: string, purpose: Purpose): Sql {
  return sql`(token.fingerprint = ${fingerprintOf(token)} AND token.purpose = ${purpose} AND token.expires_at > now())`
}

/** Condition that a link `token` still stands on what it was issued on, its row of `users` as it is now. */
const recovers = sql`(
  users.generation = token.user_generation AND (
    users.email = token.email
    OR (users.email IS NULL AND users.pending_email = token.email AND users.pending_since_registration)
  )
)`

/** Returns the condition that a row `invitation` is good. One that an administrator made ends with their right to. */
function isGoodInvitation(token: string): Sql {
  return sql`(
    invitation.fingerprint = ${fingerprintOf(token)} AND invitation.purpose = 'invitation'
    AND invitation.expires_at > now() AND invitation.attempts < ${maxInvitationAttempts}
    AND (
      invitation.invited_by IS NULL
      OR EXISTS (
        SELECT FROM users WHERE users.id = invitation.invited_by AND users.generation = invitation.user_generation
          AND NOT users.disabled AND users.scopes @> ARRAY['users:admin']::varchar[]
      )
    )
  )`
}

function expiryOf(purpose: Purpose): Sql {
  return sql`now() + make_interval(secs => ${lifetimes[purpose]})`
}
