import { createHash, randomBytes } from 'node:crypto'
import { type Sql, sql, type Transaction } from '../database/client.js'
import type { LinkPurpose } from './mail-budget.js'
import type { EmailHolder, Emails } from './user-store.js'

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

/** Makes an invitation for one registration, of the operator, whom nothing here can lock out. */
export async function createOperatorInvitation(database: Transaction): Promise<string> {
  const token = newToken()
  await database.$executeRaw`
    INSERT INTO one_time_tokens (fingerprint, purpose, expires_at)
    VALUES (${fingerprintOf(token)}, 'invitation', ${expiryOf('invitation')})`
  return token
}

/**
 * Makes an invitation for one registration. It ends with the generation, the account or the right to invite of the
 * administrator who made it. Null when the right is gone already.
 */
export async function createInvitation(inviterId: string, database: Transaction): Promise<string | null> {
  const token = newToken()
  // The lock has whoever takes the right away wait: what is taken away then ends this invitation too.
  const created = await database.$executeRaw`
    INSERT INTO one_time_tokens (fingerprint, purpose, invited_by, user_generation, expires_at)
    SELECT ${fingerprintOf(token)}, 'invitation', id, generation, ${expiryOf('invitation')}
    FROM users WHERE id = ${inviterId}::uuid AND ${mayInvite} FOR SHARE`
  return created === 1 ? token : null
}

/** Makes a token to be mailed to an account as it was read. Null when it has changed since. */
export async function createMailedToken(
  purpose: LinkPurpose,
  { id, userGeneration, address, addressGeneration }: EmailHolder,
  database: Transaction,
): Promise<string | null> {
  const token = newToken()
  const stands = { confirm_email: confirms, reset_password: recovers }[purpose]
  const created = await database.$executeRaw`
    WITH token AS (
      SELECT ${id}::uuid AS user_id, ${userGeneration}::int AS user_generation, ${address} AS email,
        ${addressGeneration}::int AS email_generation
    ), mailed AS (
      UPDATE users SET link_mailed_at = clock_timestamp() FROM token WHERE users.id = user_id AND ${stands}
      RETURNING token.*
    )
    INSERT INTO one_time_tokens (fingerprint, purpose, user_id, user_generation, email, email_generation, expires_at)
    SELECT ${fingerprintOf(token)}, ${purpose}, user_id, user_generation, email, email_generation, ${expiryOf(purpose)}
    FROM mailed`
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

/** Whose address a link has confirmed, and the one that was confirmed before. */
export interface ConfirmedUser {
  id: string
  username: string
  formerEmail: string | null
}

/** Uses a token up and makes the address that it was mailed to the user's own. Returns the user, or null. */
export async function confirmEmail(token: string, database: Transaction): Promise<ConfirmedUser | null> {
  const [confirmed] = await database.$queryRaw<ConfirmedUser[]>`
    WITH token AS (
      DELETE FROM one_time_tokens AS token WHERE ${isGood(token, 'confirm_email')} RETURNING *
    ), former AS (
      SELECT id, email FROM users WHERE id = (SELECT user_id FROM token) FOR NO KEY UPDATE
    )
    UPDATE users SET email = token.email, pending_email = NULL
    FROM token, former WHERE users.id = user_id AND users.id = former.id AND ${confirms}
    RETURNING users.id, username, former.email AS "formerEmail"`
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
  users.generation = token.user_generation AND NOT users.disabled AND (
    (users.email = token.email AND users.email_generation = token.email_generation)
    OR (
      users.email IS NULL AND users.pending_since_registration
      AND users.pending_email = token.email AND users.pending_email_generation = token.email_generation
    )
  )
)`

/** The same condition for a link that confirms an address. */
const confirms = sql`(
  users.generation = token.user_generation AND NOT users.disabled
  AND users.pending_email = token.email AND users.pending_email_generation = token.email_generation
)`

/** Condition that a row of `users` may invite, as the route that makes invitations asks it. */
const mayInvite = sql`(
  NOT users.disabled AND NOT users.password_change_required AND users.scopes @> ARRAY['users:admin']::varchar[]
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
          AND ${mayInvite}
      )
    )
  )`
}

function expiryOf(purpose: Purpose): Sql {
  return sql`now() + make_interval(secs => ${lifetimes[purpose]})`
}
