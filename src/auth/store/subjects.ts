import type { Database, Transaction } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import { isStorable, isUuid } from '../../http/schema.js'
import type { CurrentUser } from '../../users/user-store.js'
import type { AccessTokenClaims } from '../access-token.js'
import type { ClientFacts, Facts, UserFacts } from '../effective.js'
import { clientOf } from '../subject.js'
import { type FactRow, factColumns, toFacts } from './facts.js'

/** The subject of a token, and everything stored that the token stands on. */
export interface Subject extends Facts {
  user: (CurrentUser & UserFacts) | null
  /** The rows that it was read from, as changes of them are told. */
  rows: string[]
}

const userSubject = `
  SELECT users.id, username, coalesce(pending_email, email) AS email, full_name AS "fullName", ${factColumns},
    EXISTS (SELECT FROM revoked_tokens WHERE fingerprint = $2) AS revoked
  FROM users
  LEFT JOIN token_families AS family ON family.id = $3::uuid AND user_id = users.id
  LEFT JOIN clients USING (client_id)
  WHERE username = $1`

const clientSubject = `
  SELECT disabled, generation, scopes, EXISTS (SELECT FROM revoked_tokens WHERE fingerprint = $2) AS revoked
  FROM clients WHERE client_id = $1`

/**
 * The subject of a token as the database has it now, or null when it is gone. A token that names no client was issued
 * elsewhere with the shared secret, and has no family.
 *
 * @param fingerprint the one under which the token would be revoked
 */
export async function findSubject(
  claims: AccessTokenClaims,
  fingerprint: Buffer,
  database: Database,
): Promise<Subject | null> {
  const clientId = clientOf(claims.sub)
  return clientId === null
    ? findUserSubject(claims, fingerprint, database)
    : findClientSubject(clientId, claims, fingerprint, database)
}

async function findUserSubject(
  { sub, client_id, sid: ofFamily }: AccessTokenClaims,
  fingerprint: Buffer,
  database: Database,
): Promise<Subject | null> {
  const sid = client_id === undefined ? undefined : ofFamily
  if (!isStorable(sub) || (sid !== undefined && !isUuid(sid))) return null
  const values = [sub, fingerprint, sid ?? null]
  const [found] = await queryRows<CurrentUser & FactRow & { revoked: boolean }>(userSubject, values, database)
  if (!found) return null
  const { id, username, email, fullName, clientId } = found
  const { user, ...facts } = toFacts(found, found.revoked)
  const family = clientId === null ? [] : [`family:${sid}`, `client:${clientId}`]
  return {
    ...facts,
    user: { id, username, email, fullName, ...user },
    rows: [`user:${id}`, tokenRow(fingerprint), ...family],
  }
}

/** A service that knows the shared secret may have users whose names look like this: only a client's own token is one. */
async function findClientSubject(
  clientId: string,
  { client_id, gen }: AccessTokenClaims,
  fingerprint: Buffer,
  database: Database,
): Promise<Subject | null> {
  if (client_id !== clientId || gen === undefined || !isStorable(clientId)) return null
  const values = [clientId, fingerprint]
  const [found] = await queryRows<ClientFacts & { revoked: boolean }>(clientSubject, values, database)
  if (!found) return null
  const { revoked, ...client } = found
  const rows = [`client:${clientId}`, tokenRow(fingerprint)]
  return { user: null, client, family: null, revoked, rows }
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
export async function revokeUserTokens(username: string, database: Transaction): Promise<boolean> {
  if (!isStorable(username)) return false
  const next = { generation: { increment: 1 } }
  const { count } = await database.user.updateMany({ where: { username }, data: next })
  return count === 1
}

/** Ends all tokens that were issued to a client. Whether there is such a client. */
export async function revokeClientTokens(clientId: string, database: Transaction): Promise<boolean> {
  if (!isStorable(clientId)) return false
  const next = { generation: { increment: 1 } }
  const { count } = await database.client.updateMany({ where: { clientId }, data: next })
  return count === 1
}

const farFuture = Date.UTC(9999, 0)
