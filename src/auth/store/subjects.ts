import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import { isStorable, isUuid } from '../../database/storable.js'
import type { CurrentUser } from '../../users/store/profile.js'
import type { VerifiedToken } from '../access-token.js'
import type { ClientFacts, Facts, UserFacts } from '../effective.js'
import { isScope } from '../scope.js'
import { clientOf } from '../subject.js'
import {
  type AudienceRow,
  type FactRow,
  factColumns,
  hasResource,
  ownAudienceColumns,
  resourceColumns,
  toAudienceFacts,
  toFacts,
} from './facts.js'

/** The subject of a token, and the stored facts that the token depends on. */
export interface Subject extends Facts {
  user: (CurrentUser & UserFacts) | null
  /** Cache tags of the rows that it was read from, as the change feed names them. A change of a resource clears the cache. */
  tags: string[]
}

const isRevoked = 'EXISTS (SELECT FROM revoked_tokens WHERE fingerprint = $2) AS revoked'

const userColumns = `
  users.id, username, coalesce(pending_email, email) AS email, full_name AS "fullName", ${factColumns}, ${isRevoked}`

const userSubject = `
  SELECT ${userColumns}, ${ownAudienceColumns}
  FROM users
  LEFT JOIN token_families AS family ON family.id = $4::uuid AND user_id = users.id AND ${hasResource}
  LEFT JOIN clients USING (client_id)
  WHERE username = $1`

const userSubjectOfResource = `
  SELECT ${userColumns}, ${resourceColumns}
  FROM token_families AS family
  JOIN users ON users.id = user_id
  JOIN clients USING (client_id)
  JOIN resources ON identifier = $5
  WHERE family.id = $4::uuid AND ${hasResource}
    AND CASE subject_type WHEN 'username' THEN username ELSE subject END = $1`

const clientColumns = `clients.disabled, clients.generation, clients.scopes, ${isRevoked}`

const clientSubject = `SELECT ${clientColumns}, ${ownAudienceColumns} FROM clients WHERE client_id = $1`

const clientSubjectOfResource = `
  SELECT ${clientColumns}, ${resourceColumns} FROM clients JOIN resources ON identifier = $4 WHERE client_id = $1`

/**
 * Returns the subject of a token as stored now, or null when it or the audience of the token no longer exists. A token that
 * names no client was issued elsewhere with the shared secret and has no family.
 */
export async function findSubject(access: VerifiedToken, database: Database): Promise<Subject | null> {
  const clientId = clientOf(access.claims.sub)
  return clientId === null ? findUserSubject(access, database) : findClientSubject(clientId, access, database)
}

/**
 * In tokens for this service the username identifies the user. In tokens for a resource the login does, and the `sub` must be
 * that user's.
 */
async function findUserSubject(access: VerifiedToken, database: Database): Promise<Subject | null> {
  const { claims, audience, fingerprint } = access
  const { sub, sid } = claims
  if (!isStorable(sub) || (sid !== undefined && !isUuid(sid))) return null
  const values = [sub, fingerprint, namedScopes(access), sid ?? null]
  const [found] = await queryRows<CurrentUser & FactRow & AudienceRow & { revoked: boolean }>(
    audience === null ? userSubject : userSubjectOfResource,
    audience === null ? values : [...values, audience],
    database,
  )
  if (!found) return null
  const { id, username, email, fullName, clientId } = found
  const { user, ...facts } = toFacts(found, found.revoked)
  const family = clientId === null ? [] : [`family:${sid}`, `client:${clientId}`]
  return {
    ...facts,
    audience: toAudienceFacts(found),
    user: { id, username, email, fullName, ...user },
    tags: [`user:${id}`, tokenTag(fingerprint), ...family],
  }
}

/** Other services with the shared secret may have users with such names, so `client_id` must name the same client. */
async function findClientSubject(
  clientId: string,
  access: VerifiedToken,
  database: Database,
): Promise<Subject | null> {
  const { claims, audience, fingerprint } = access
  const { client_id, gen } = claims
  if (client_id !== clientId || gen === undefined || !isStorable(clientId)) return null
  const values = [clientId, fingerprint, namedScopes(access)]
  const [found] = await queryRows<ClientFacts & AudienceRow & { revoked: boolean }>(
    audience === null ? clientSubject : clientSubjectOfResource,
    audience === null ? values : [...values, audience],
    database,
  )
  if (!found) return null
  const { disabled, generation, scopes, revoked } = found
  const tags = [`client:${clientId}`, tokenTag(fingerprint)]
  return {
    user: null,
    client: { disabled, generation, scopes },
    family: null,
    audience: toAudienceFacts(found),
    revoked,
    tags,
  }
}

/** Returns the scope-tokens of a token that can be stored: with the shared secret, others can sign any text. */
function namedScopes({ scope }: VerifiedToken): string[] {
  return scope.filter(isScope)
}

/** Returns the tag of a revoked token. The change feed writes bytes in hexadecimal digits, as JSON does. */
function tokenTag(fingerprint: Buffer): string {
  return `token:\\x${fingerprint.toString('hex')}`
}
