import { createHash, randomBytes } from 'node:crypto'
import type { Transaction } from '../database/index.js'

/** What a one-time token is good for, and for how many seconds. */
const lifetimes = { invitation: 7 * 86_400, confirm_email: 86_400, reset_password: 1_800 }

/** What a one-time token is good for. */
export type Purpose = keyof typeof lifetimes

/** To one address at most one mail of a kind is sent within so many seconds. */
const mailIntervalSeconds = 60

/** Whom a token of one purpose was mailed to. */
export interface TokenOwner {
  id: string
  username: string
  email: string | null
  pendingEmail: string | null
}

/** What is stored in a token's place. */
function fingerprintOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** Makes an invitation for one registration. */
export async function createInvitation(database: Transaction): Promise<string> {
  const token = newToken()
  await database.oneTimeToken.create({
    data: {
      fingerprint: new Uint8Array(fingerprintOf(token)),
      purpose: 'invitation',
      expiresAt: new Date(Date.now() + lifetimes.invitation * 1000),
    },
  })
  return token
}

/** Makes a token to be mailed. Null where the address was mailed one of the kind just now, and for nobody. */
export async function createMailedToken(
  purpose: Exclude<Purpose, 'invitation'>,
  userId: string,
  email: string,
  database: Transaction,
): Promise<string | null> {
  const token = newToken()
  const created = await database.$executeRaw`
    INSERT INTO one_time_tokens (fingerprint, purpose, user_id, email, expires_at)
    SELECT ${fingerprintOf(token)}, ${purpose}, id, ${email},
      now() + make_interval(secs => ${lifetimes[purpose]})
    FROM users WHERE id = ${userId}::uuid AND NOT EXISTS (
      SELECT FROM one_time_tokens WHERE purpose = ${purpose} AND lower(email) = lower(${email})
        AND created_at > now() - make_interval(secs => ${mailIntervalSeconds})
    ) FOR KEY SHARE OF users`
  return created === 1 ? token : null
}

/** Whether an invitation is good. */
export async function isInvitation(token: string, database: Transaction): Promise<boolean> {
  return (await database.oneTimeToken.count({ where: isGood(token, 'invitation') })) === 1
}

/** Uses an invitation up. Whether it was good. */
export async function useInvitation(token: string, database: Transaction): Promise<boolean> {
  return (await database.oneTimeToken.deleteMany({ where: isGood(token, 'invitation') })).count === 1
}

/** The user whom a good token was mailed to, or null. */
export async function findTokenOwner(
  token: string,
  purpose: Purpose,
  database: Transaction,
): Promise<TokenOwner | null> {
  const found = await database.oneTimeToken.findFirst({
    where: isGood(token, purpose),
    select: { user: { select: { id: true, username: true, email: true, pendingEmail: true } } },
  })
  return found?.user ?? null
}

/** Uses a token up and makes the address that it was mailed to the user's own. Who that is, or null. */
export async function confirmEmail(
  token: string,
  database: Transaction,
): Promise<{ id: string; username: string } | null> {
  const [confirmed] = await database.$queryRaw<{ id: string; username: string }[]>`
    WITH token AS (
      DELETE FROM one_time_tokens
      WHERE fingerprint = ${fingerprintOf(token)} AND purpose = 'confirm_email' AND expires_at > now()
      RETURNING user_id, email
    )
    UPDATE users SET email = token.email, pending_email = NULL, updated_at = now()
    FROM token WHERE users.id = user_id AND pending_email = token.email
    RETURNING users.id, username`
  return confirmed ?? null
}

/** Uses a token up and sets another password, which ends all tokens of the user. Whether the token was good. */
export async function resetPassword(
  token: string,
  hashedPassword: string,
  database: Transaction,
): Promise<boolean> {
  const reset = await database.$executeRaw`
    WITH token AS (
      DELETE FROM one_time_tokens
      WHERE fingerprint = ${fingerprintOf(token)} AND purpose = 'reset_password' AND expires_at > now()
      RETURNING user_id
    ), others AS (
      DELETE FROM one_time_tokens AS other USING token
      WHERE other.user_id = token.user_id AND purpose = 'reset_password' AND fingerprint <> ${fingerprintOf(token)}
    )
    UPDATE users SET hashed_password = ${hashedPassword}, password_change_required = false, updated_at = now()
    FROM token WHERE users.id = token.user_id`
  return reset === 1
}

function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** The condition that a token is good for a purpose now. */
function isGood(token: string, purpose: Purpose) {
  return { fingerprint: new Uint8Array(fingerprintOf(token)), purpose, expiresAt: { gt: new Date() } }
}
