import type { Database } from '../../database/index.js'
import { queryRows } from '../../database/statement.js'
import type { Reading } from '../../database/view.js'
import { isStorable, isUuid } from '../../schema.js'
import type { CurrentUser } from '../../users/store.js'
import type { AccessTokenClaims } from '../access-token.js'
import { clientOf } from '../subject.js'

/** Whom a token speaks for, and whether it still may. */
export interface Subject {
  /** Null when the subject is a client. */
  user: CurrentUser | null
  /** Whether the token, or what it was issued on, was revoked since. */
  revoked: boolean
}

const userSubject = `
  SELECT users.id, username, coalesce(pending_email, email) AS email, full_name AS "fullName",
    users.disabled, users.scopes, password_change_required AS "passwordChangeRequired", client_id AS "clientId",
    EXISTS (SELECT FROM revoked_tokens WHERE fingerprint = $2)
      OR CASE WHEN $3::uuid IS NULL THEN users.generation > 0
        ELSE family.id IS NULL OR revoked_at IS NOT NULL OR user_generation <> users.generation
          OR clients.disabled OR client_generation <> clients.generation END AS revoked
  FROM users
  LEFT JOIN token_families AS family ON family.id = $3::uuid AND user_id = users.id
  LEFT JOIN clients USING (client_id)
  WHERE username = $1`

const clientSubject = `
  SELECT disabled OR generation <> $2 OR EXISTS (SELECT FROM revoked_tokens WHERE fingerprint = $3) AS revoked
  FROM clients WHERE client_id = $1`

const nobody = { value: null, rows: null }

/**
 * The subject of a token as the database has it now, or null when it is gone. What may be kept in memory is that a
 * token is good, never that it is not.
 *
 * A token of a family is good for as long as its family. One that names no family was issued elsewhere with the shared
 * secret: it is good until the user's first change of generation.
 *
 * @param fingerprint the one under which the token would be revoked
 */
export async function findSubject(
  claims: AccessTokenClaims,
  fingerprint: Buffer,
  database: Database,
): Promise<Reading<Subject | null>> {
  const clientId = clientOf(claims.sub)
  return clientId === null
    ? findUserSubject(claims, fingerprint, database)
    : findClientSubject(clientId, claims, fingerprint, database)
}

async function findUserSubject(
  { sub, client_id, sid: ofFamily }: AccessTokenClaims,
  fingerprint: Buffer,
  database: Database,
): Promise<Reading<Subject | null>> {
  const sid = client_id === undefined ? undefined : ofFamily
  if (!isStorable(sub) || (sid !== undefined && !isUuid(sid))) return nobody
  const [found] = await queryRows<CurrentUser & { clientId: string | null; revoked: boolean }>(
    userSubject,
    [sub, fingerprint, sid ?? null],
    database,
  )
  if (!found) return nobody
  const { revoked, clientId, ...user } = found
  const family = clientId === null ? [] : [`family:${sid}`, `client:${clientId}`]
  const rows = [`user:${user.id}`, tokenRow(fingerprint), ...family]
  return { value: { user, revoked }, rows: revoked || user.disabled ? null : rows }
}

/** A service that knows the shared secret may have users whose names look like this: only a client's own token is one. */
async function findClientSubject(
  clientId: string,
  { client_id, gen: generation }: AccessTokenClaims,
  fingerprint: Buffer,
  database: Database,
): Promise<Reading<Subject | null>> {
  if (client_id !== clientId || generation === undefined || !isStorable(clientId)) return nobody
  const values = [clientId, generation, fingerprint]
  const [found] = await queryRows<{ revoked: boolean }>(clientSubject, values, database)
  if (!found) return nobody
  const rows = [`client:${clientId}`, tokenRow(fingerprint)]
  return { value: { user: null, revoked: found.revoked }, rows: found.revoked ? null : rows }
}

/** As a change of the row is told: JSON has bytes in hexadecimal digits. */
function tokenRow(fingerprint: Buffer): string {
  return `token:\\x${fingerprint.toString('hex')}`
}

/** Revokes one access token; it is remembered until it would have expired anyway, in seconds since 1970. */
export async function revokeAccessToken(
  fingerprint: Buffer,
  expiresAt: number,
  database: Database,
): Promise<void> {
  // A token that others signed with the shared secret may claim to live longer than a timestamp can say.
  const until = new Date(Math.min(expiresAt * 1000, farFuture))
  const data = { fingerprint: new Uint8Array(fingerprint), expiresAt: until }
  await database.revokedToken.createMany({ data, skipDuplicates: true })
}

/** Ends all tokens of a user. Whether there is such a user. */
export async function revokeUserTokens(username: string, database: Database): Promise<boolean> {
  if (!isStorable(username)) return false
  const next = { generation: { increment: 1 } }
  const { count } = await database.user.updateMany({ where: { username }, data: next })
  return count === 1
}

/** Ends all tokens that were issued to a client. Whether there is such a client. */
export async function revokeClientTokens(clientId: string, database: Database): Promise<boolean> {
  if (!isStorable(clientId)) return false
  const next = { generation: { increment: 1 } }
  const { count } = await database.client.updateMany({ where: { clientId }, data: next })
  return count === 1
}

const farFuture = Date.UTC(9999, 0)
