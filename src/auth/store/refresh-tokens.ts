import type { Database } from '../../database/client.js'
import { combineReads } from '../../database/combined-reads.js'
import { queryRows } from '../../database/query.js'
import type { Facts } from '../effective.js'
import { type FactRow, factColumns, hasResource, toFacts } from './facts.js'
import type { FamilyLimits } from './families.js'
import type { StoredEntry } from './status-entries.js'

/** A stored refresh token with the family it belongs to. */
export interface FoundRefreshToken {
  familyId: string
  clientId: string
  userId: string
  username: string
  /** The `sub` of the user's tokens for other resources. */
  subject: string
  scope: string
  /** The resource of the login; null for this service. */
  resourceId: string | null
  /** Facts that the family depends on. */
  facts: Facts
  /**
   * Whether neither the token nor the family has expired. A used token does not expire, so that its reuse is detected
   * however late it is.
   */
  isTimely: boolean
  /** Whether its successor has been issued. */
  isUsed: boolean
  /** Expiry of the token in seconds since 1970. */
  expiresAt: number
}

/**
 * Returns a refresh token, used or not, with its family, or null when the token was never issued, or the user, the client or
 * the resource of its login no longer exists.
 */
export type FindRefreshToken = (fingerprint: Buffer) => Promise<FoundRefreshToken | null>

/** Creates a function that finds refresh tokens. Those which are looked for in one turn of the event loop are read together. */
export function createRefreshTokenFinder(database: Database): FindRefreshToken {
  return combineReads<Buffer, FoundRefreshToken | null>({
    name: 'read refresh tokens',
    keyOf: (fingerprint) => fingerprint.toString('base64'),
    read: (fingerprints) => readRefreshTokens(fingerprints, database),
  })
}

/** Returns the refresh tokens with these fingerprints, in the same order. */
async function readRefreshTokens(
  fingerprints: readonly Buffer[],
  database: Database,
): Promise<(FoundRefreshToken | null)[]> {
  const rows = await queryRows<Omit<FoundRefreshToken, 'facts'> & FactRow & { place: number }>(
    familiesOfRefreshTokens,
    [fingerprints],
    database,
  )
  const found = fingerprints.map((): FoundRefreshToken | null => null)
  for (const { place, ...row } of rows) found[place - 1] = { ...row, facts: toFacts(row, false) }
  return found
}

/**
 * The array is wrapped in a subquery, so that PostgreSQL does not plan again for each length. The limit keeps it from joining
 * whole tables, as it would for many fingerprints.
 */
const familiesOfRefreshTokens = `
  SELECT place::int, found.*
  FROM unnest((SELECT $1::bytea[])) WITH ORDINALITY AS wanted (fingerprint, place)
  CROSS JOIN LATERAL (
    SELECT family.id AS "familyId", user_id AS "userId", username, subject, scope, resource_id AS "resourceId",
      ${factColumns},
      refreshable_until > now() AND (used_at IS NOT NULL OR token.expires_at > now()) AS "isTimely",
      used_at IS NOT NULL AS "isUsed", floor(extract(epoch FROM token.expires_at))::float8 AS "expiresAt"
    FROM refresh_tokens AS token
    JOIN token_families AS family ON family.id = family_id
    JOIN users ON users.id = user_id
    JOIN clients USING (client_id)
    WHERE token.fingerprint = wanted.fingerprint AND ${hasResource}
    LIMIT 1
  ) AS found`

/** The refresh token that replaces another one, and the access token that is issued with it. */
export interface Successor {
  /** Fingerprint of the refresh token. */
  token: Buffer
  /** Entry of the access token in a status list; null without one. */
  entry: StoredEntry | null
  /** Lifetime of the access token (seconds). */
  ttlSeconds: number
}

/**
 * Marks a refresh token as used and stores its successor. Of several concurrent calls one succeeds. The family is locked
 * before the token, in the same order as by the removal of families, to avoid deadlocks. A revocation of the family waits, and
 * then finds the entry of the successor.
 *
 * @returns false when the token is used or expired, its family revoked, or the user or the client of another generation
 */
export async function rotateRefreshToken(
  fingerprint: Buffer,
  { token, entry, ttlSeconds }: Successor,
  { refreshTokenIdleSeconds }: FamilyLimits,
  database: Database,
): Promise<boolean> {
  const stored = [entry?.listId ?? null, entry?.ordinal ?? null, ttlSeconds]
  const values = [fingerprint, token, refreshTokenIdleSeconds, ...stored]
  return (await queryRows(refreshTokenRotation, values, database)).length === 1
}

const refreshTokenRotation = `
  WITH family AS (
    SELECT family.id, refreshable_until FROM token_families AS family
    JOIN users ON users.id = user_id AND users.generation = user_generation AND NOT users.disabled
    JOIN clients USING (client_id)
    WHERE family.id = (SELECT family_id FROM refresh_tokens WHERE fingerprint = $1)
      AND clients.generation = client_generation AND NOT clients.disabled
      AND revoked_at IS NULL AND refreshable_until > now()
    FOR SHARE OF family
  ), used AS (
    UPDATE refresh_tokens AS token SET used_at = now()
    FROM family
    WHERE fingerprint = $1 AND used_at IS NULL AND token.expires_at > now() AND family.id = family_id
    RETURNING family_id, refreshable_until
  )
  INSERT INTO refresh_tokens (fingerprint, family_id, expires_at, status_list, status_ordinal, access_expires_at)
  SELECT $2, family_id, least(now() + make_interval(secs => $3::int), refreshable_until),
    $4::char(11), $5::int, now() + make_interval(secs => $6::int)
  FROM used
  RETURNING family_id`

/**
 * Returns the fingerprint of the unused token of a family, if the given token of the family was used within the grace
 * period; otherwise null.
 */
export async function findNewestWithinGrace(
  fingerprint: Buffer,
  { refreshTokenGraceSeconds }: FamilyLimits,
  database: Database,
): Promise<Buffer | null> {
  const values = [fingerprint, refreshTokenGraceSeconds]
  const [newest] = await queryRows<{ fingerprint: Buffer }>(newestWithinGrace, values, database)
  return newest?.fingerprint ?? null
}

const newestWithinGrace = `
  SELECT newest.fingerprint FROM refresh_tokens AS token
  JOIN token_families AS family ON family.id = token.family_id
  JOIN refresh_tokens AS newest ON newest.family_id = family.id AND newest.used_at IS NULL
  WHERE token.fingerprint = $1 AND revoked_at IS NULL AND token.used_at > now() - make_interval(secs => $2::int)`
