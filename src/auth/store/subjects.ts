import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import { isStorable, isUuid } from '../../database/storable.js'
import type { CurrentUser } from '../../users/store/profile.js'
import type { AccessTokenClaims } from '../access-token.js'
import type { ClientFacts, Facts, UserFacts } from '../effective.js'
import { clientOf } from '../subject.js'
import { type FactRow, factColumns, toFacts } from './facts.js'

/** The subject of a token, and the stored facts that the token depends on. */
export interface Subject extends Facts {
  user: (CurrentUser & UserFacts) | null
  /** Cache tags of the rows that it was read from, as the change feed names them. */
  tags: string[]
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
 * Returns the subject of a token as stored now, or null when it no longer exists. A token that names no client was issued
 * elsewhere with the shared secret and has no family.
 *
 * @param fingerprint digest by which the token is revoked
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
  { sub, client_id, sid: claimedSid }: AccessTokenClaims,
  fingerprint: Buffer,
  database: Database,
): Promise<Subject | null> {
  const sid = client_id === undefined ? undefined : claimedSid
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
    tags: [`user:${id}`, tokenTag(fingerprint), ...family],
  }
}

/** Other services with the shared secret may have users with such names, so `client_id` must name the same client. */
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
  const tags = [`client:${clientId}`, tokenTag(fingerprint)]
  return { user: null, client, family: null, revoked, tags }
}

/** Returns the tag of a revoked token. The change feed writes bytes in hexadecimal digits, as JSON does. */
function tokenTag(fingerprint: Buffer): string {
  return `token:\\x${fingerprint.toString('hex')}`
}
