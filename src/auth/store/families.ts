import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import { grantedScopes } from '../../users/store/granted-scopes.js'
import type { ClientFacts, Facts, UserFacts } from '../effective.js'
import type { Resource } from '../resources/resource-store.js'
import { type FactRow, factColumns, toFacts } from './facts.js'

/** Lifetimes of refresh tokens and access tokens. */
export interface FamilyLimits {
  refreshTokenIdleSeconds: number
  refreshTokenTtlSeconds: number
  refreshTokenGraceSeconds: number
  accessTokenTtlSeconds: number
}

/** A login whose password was correct. */
export interface Login {
  id: string
  /** The user as it was when the login was decided. */
  user: Omit<UserFacts, 'disabled'> & { id: string; username: string }
  /** The client as it was then. */
  client: Omit<ClientFacts, 'disabled'> & { clientId: string; grants: readonly string[] }
  scope: string
  /** The resource of its first access token; null for this service. */
  resource: Resource | null
  /** Fingerprint of the first refresh token, or null when none is issued. */
  refreshToken: Buffer | null
}

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
 * Starts the token family of a login. The rows of the resource, the user and the client are locked (FOR SHARE), so a change
 * of them waits and then sees the family that it may have to revoke. The resource is the first, as its deletion takes its
 * scopes from users and clients.
 *
 * @returns false when the user, the client or the resource has changed since the login was decided
 */
export async function startFamily(login: Login, limits: FamilyLimits, database: Database): Promise<boolean> {
  const { id, user, client, scope, resource, refreshToken } = login
  const { refreshTokenIdleSeconds, refreshTokenTtlSeconds, accessTokenTtlSeconds } = limits
  const refreshableSeconds = refreshToken ? refreshTokenTtlSeconds : 0
  const started = await queryRows(
    familyStart,
    [
      id,
      user.id,
      user.generation,
      client.clientId,
      client.generation,
      scope,
      refreshToken,
      refreshableSeconds,
      refreshableSeconds + Math.max(accessTokenTtlSeconds, resource?.tokenTtlSeconds ?? 0),
      refreshTokenIdleSeconds,
      user.username,
      user.passwordChangeRequired,
      user.scopes,
      client.scopes,
      client.grants,
      resource?.id ?? null,
      resource?.generation ?? null,
    ],
    database,
  )
  return started.length === 1
}

const familyStart = `
  WITH resource AS (
    SELECT id FROM resources WHERE id = $16::uuid AND generation = $17::int AND NOT disabled FOR SHARE
  ), unchanged AS (
    SELECT users.id FROM users, clients
    WHERE users.id = $2::uuid AND users.generation = $3::int AND NOT users.disabled
      AND username = $11 AND password_change_required = $12::boolean AND (${grantedScopes}) = $13::varchar[]
      AND client_id = $4 AND clients.generation = $5::int AND NOT clients.disabled
      AND clients.scopes = $14::varchar[] AND grants = $15::varchar[]
      AND ($16::uuid IS NULL OR EXISTS (SELECT FROM resource))
    FOR SHARE
  ), family AS (
    INSERT INTO token_families
      (id, user_id, client_id, scope, user_generation, client_generation, refreshable_until, expires_at, resource_id)
    SELECT $1::uuid, unchanged.id, $4, $6, $3::int, $5::int,
      now() + make_interval(secs => $8::int), now() + make_interval(secs => $9::int), $16::uuid
    FROM unchanged
    RETURNING id, refreshable_until
  ), token AS (
    INSERT INTO refresh_tokens (fingerprint, family_id, expires_at)
    SELECT $7::bytea, id, least(now() + make_interval(secs => $10::int), refreshable_until)
    FROM family WHERE $7::bytea IS NOT NULL
  )
  SELECT id FROM family`

/** Returns a refresh token, used or not, with its family, or null when the token was never issued. */
export async function findRefreshToken(
  fingerprint: Buffer,
  database: Database,
): Promise<FoundRefreshToken | null> {
  const [row] = await queryRows<Omit<FoundRefreshToken, 'facts'> & FactRow>(
    familyOfRefreshToken,
    [fingerprint],
    database,
  )
  return row ? { ...row, facts: toFacts(row, false) } : null
}

const familyOfRefreshToken = `
  SELECT family.id AS "familyId", user_id AS "userId", username, subject, scope, resource_id AS "resourceId",
    ${factColumns},
    refreshable_until > now() AND (used_at IS NOT NULL OR token.expires_at > now()) AS "isTimely",
    used_at IS NOT NULL AS "isUsed", floor(extract(epoch FROM token.expires_at))::float8 AS "expiresAt"
  FROM refresh_tokens AS token
  JOIN token_families AS family ON family.id = family_id
  JOIN users ON users.id = user_id
  JOIN clients USING (client_id)
  WHERE fingerprint = $1`

/**
 * Marks a refresh token as used and stores its successor. Of several concurrent calls one succeeds. The family is locked
 * before the token, in the same order as by the deletion of a user, to avoid deadlocks.
 *
 * @returns false when the token is used or expired, its family revoked, or the user or the client of another generation
 */
export async function rotateRefreshToken(
  fingerprint: Buffer,
  successor: Buffer,
  { refreshTokenIdleSeconds }: FamilyLimits,
  database: Database,
): Promise<boolean> {
  const values = [fingerprint, successor, refreshTokenIdleSeconds]
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
    FOR KEY SHARE OF family
  ), used AS (
    UPDATE refresh_tokens AS token SET used_at = now()
    FROM family
    WHERE fingerprint = $1 AND used_at IS NULL AND token.expires_at > now() AND family.id = family_id
    RETURNING family_id, refreshable_until
  )
  INSERT INTO refresh_tokens (fingerprint, family_id, expires_at)
  SELECT $2, family_id, least(now() + make_interval(secs => $3::int), refreshable_until)
  FROM used
  RETURNING family_id`

/** Keeps a family until an access token with this lifetime (seconds), which is issued now, has expired. */
export async function extendFamily(id: string, ttlSeconds: number, database: Database): Promise<void> {
  await database.$executeRaw`
    UPDATE token_families SET expires_at = now() + make_interval(secs => ${ttlSeconds})
    WHERE id = ${id}::uuid AND expires_at < now() + make_interval(secs => ${ttlSeconds})`
}

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

/** Revokes the family of a refresh token that was used before the grace period. Returns whether it did. */
export async function revokeReusedFamily(
  fingerprint: Buffer,
  { refreshTokenGraceSeconds }: FamilyLimits,
  database: Database,
): Promise<boolean> {
  const revoked = await database.$executeRaw`
    UPDATE token_families AS family SET revoked_at = now() FROM refresh_tokens AS token
    WHERE token.fingerprint = ${fingerprint} AND family.id = token.family_id AND revoked_at IS NULL
      AND used_at <= now() - make_interval(secs => ${refreshTokenGraceSeconds})`
  return revoked === 1
}
