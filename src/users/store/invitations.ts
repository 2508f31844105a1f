import { type Sql, sql, type Transaction } from '../../database/client.js'
import { expiryOf, fingerprintOf, newToken } from './one-time-tokens.js'

/** Maximum number of registrations to try with one invitation: each reveals whether a username is taken. */
const maxAttempts = 5

/** Creates an operator's invitation. It does not depend on any account. Returns the token and its expiry. */
export async function createOperatorInvitation(
  database: Transaction,
): Promise<{ token: string; expiresAt: Date }> {
  const token = newToken()
  const [created] = await database.$queryRaw<[{ expiresAt: Date }]>`
    INSERT INTO one_time_tokens (fingerprint, purpose, expires_at)
    VALUES (${fingerprintOf(token)}, 'invitation', ${expiryOf('invitation')})
    RETURNING expires_at AS "expiresAt"`
  return { token, ...created }
}

/**
 * Creates an administrator's invitation. It becomes invalid with the inviter's account, generation or right to invite.
 *
 * @returns the token, or null if the user may no longer invite
 */
export async function createInvitation(inviterId: string, database: Transaction): Promise<string | null> {
  const token = newToken()
  // The lock makes a transaction that revokes the right wait, so that it ends this invitation too.
  const created = await database.$executeRaw`
    INSERT INTO one_time_tokens (fingerprint, purpose, invited_by, user_generation, expires_at)
    SELECT ${fingerprintOf(token)}, 'invitation', id, generation, ${expiryOf('invitation')}
    FROM users WHERE id = ${inviterId}::uuid AND ${mayInvite} FOR SHARE`
  return created === 1 ? token : null
}

/** Returns whether a token is a valid invitation. */
export async function isInvitation(token: string, database: Transaction): Promise<boolean> {
  const found = await database.$queryRaw<unknown[]>`
    SELECT FROM one_time_tokens AS invitation WHERE ${isValidInvitation(token)}`
  return found.length === 1
}

/**
 * Counts one registration against an invitation, and locks it against other registrations until the transaction ends.
 * Returns whether it was valid.
 */
export async function tryInvitation(token: string, transaction: Transaction): Promise<boolean> {
  const tried = await transaction.$executeRaw`
    UPDATE one_time_tokens AS invitation SET attempts = attempts + 1 WHERE ${isValidInvitation(token)}`
  return tried === 1
}

/** Deletes an invitation that was tried in the same transaction. */
export async function useInvitation(token: string, transaction: Transaction): Promise<void> {
  await transaction.$executeRaw`DELETE FROM one_time_tokens WHERE fingerprint = ${fingerprintOf(token)}`
}

/** Condition that a row of `users` may invite, the same as for the route that creates invitations. */
const mayInvite = sql`(
  NOT users.disabled AND NOT users.password_change_required AND users.scopes @> ARRAY['users:admin']::varchar[]
)`

/** Returns the condition that a row `invitation` is valid. */
function isValidInvitation(token: string): Sql {
  return sql`(
    invitation.fingerprint = ${fingerprintOf(token)} AND invitation.purpose = 'invitation'
    AND invitation.expires_at > now() AND invitation.attempts < ${maxAttempts}
    AND (
      invitation.invited_by IS NULL
      OR EXISTS (
        SELECT FROM users WHERE users.id = invitation.invited_by AND users.generation = invitation.user_generation
          AND ${mayInvite}
          AND NOT EXISTS (
            SELECT FROM departures
            WHERE kind = 'inviter' AND key = users.id::text AND departed_at >= invitation.created_at
          )
      )
    )
  )`
}
