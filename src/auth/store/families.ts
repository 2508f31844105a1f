import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import type { ClientFacts, Facts, UserFacts } from '../effective.js'
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
  /** Fingerprint of the first refresh token, or null when none is issued. */
  refreshToken: Buffer | null
}

/** A stored refresh token with the family it belongs to. */
export interface FoundRefreshToken {
  familyId: string
  clientId: string
  userId: string
  username: string
  scope: string
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
 * Starts the token family of a login. The rows of the user and the client are locked (FOR SHARE), so a change of them waits
 * and then sees the family that it may have to revoke.
 *
 * @returns false when the user or the client has changed since the login was decided
 */
export async function startFamily(login: Login, limits: FamilyLimits, database: Database): Promise<boolean> {
  const { id, user, client, scope, refreshToken } = login
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
      refreshableSeconds + accessTokenTtlSeconds,
      refreshTokenIdleSeconds,
      user.username,
      user.passwordChangeRequired,
      user.scopes,
      client.scopes,
      client.grants,
    ],
    database,
  )
  return started.length === 1
}

const familyStart = `
  WITH unchanged AS (
    SELECT users.id FROM users, clients
    WHERE users.id = $2::uuid AND users.generation = $3::int AND NOT users.disabled
      AND username = $11 AND password_change_required = $12::boolean AND users.scopes = $13::varchar[]
      AND client_id = $4 AND clients.generation = $5::int AND NOT clients.disabled
      AND clients.scopes = $14::varchar[] AND grants = $15::varchar[]
    FOR SHARE
  ), family AS (
    INSERT INTO token_families
      (id, user_id, client_id, scope, user_generation, client_generation, refreshable_until, expires_at)
    SELECT $1::uuid, unchanged.id, $4, $6, $3::int, $5::int,
      now() + make_interval(secs => $8::int), now() + make_interval(secs => $9::int)
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
  SELECT family.id AS "familyId", user_id AS "userId", username, scope, ${factColumns},
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

/**
 * Returns whether a used refresh token is within the grace period, in which a client that has not received the successor gets it
 * again. The period ends early when the successor is used.
 */
export async function isWithinGrace(
  fingerprint: Buffer,
  successor: Buffer,
  { refreshTokenGraceSeconds }: FamilyLimits,
  database: Database,
): Promise<boolean> {
  const found = await database.$queryRaw<unknown[]>`
    SELECT 1 FROM refresh_tokens AS token
    JOIN token_families AS family ON family.id = token.family_id
    JOIN refresh_tokens AS next ON next.family_id = family.id AND next.fingerprint = ${successor}
    WHERE token.fingerprint = ${fingerprint} AND revoked_at IS NULL
      AND token.used_at > now() - make_interval(secs => ${refreshTokenGraceSeconds})
      AND next.used_at IS NULL AND next.expires_at > now()`
  return found.length === 1
}
