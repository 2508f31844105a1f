import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import type { ClientFacts, Facts, UserFacts } from '../effective.js'
import { type FactRow, factColumns, toFacts } from './facts.js'

/** How long refresh tokens are good; times are in seconds. */
export interface FamilyLimits {
  refreshTokenIdleSeconds: number
  refreshTokenTtlSeconds: number
  refreshTokenGraceSeconds: number
  accessTokenTtlSeconds: number
}

/** A log-in whose password has been checked. */
export interface Login {
  id: string
  /** As the user was when the log-in was decided on. */
  user: Omit<UserFacts, 'disabled'> & { id: string; username: string }
  /** As the client was then. */
  client: Omit<ClientFacts, 'disabled'> & { clientId: string; grants: readonly string[] }
  scope: string
  /** Fingerprint of the first refresh token, or null for a client or a user that gets none. */
  refreshToken: Buffer | null
}

/** A refresh token that was found, and the family it belongs to. */
export interface FoundRefreshToken {
  familyId: string
  clientId: string
  userId: string
  username: string
  scope: string
  /** What the family stands on. */
  facts: Facts
  /**
   * Whether neither the token nor the family is too old. A used token does not expire: when it comes again is for the
   * grace to judge, and however late that is it was stolen.
   */
  isTimely: boolean
  /** Whether its successor has been given out already. */
  isUsed: boolean
  /** Seconds since 1970. */
  expiresAt: number
}

/**
 * Starts the family of a log-in, unless something has changed that the log-in was decided on: of the user or of the
 * client. Whether it was started. Such a change waits for us, so that it sees the family that it has to end.
 */
export async function startFamily(logIn: Login, limits: FamilyLimits, database: Database): Promise<boolean> {
  const { id, user, client, scope, refreshToken } = logIn
  const { refreshTokenIdleSeconds, refreshTokenTtlSeconds, accessTokenTtlSeconds } = limits
  const refreshableSeconds = refreshToken ? refreshTokenTtlSeconds : 0
  const started = await queryRows(
    familyStart,
    [
      ...[id, user.id, user.generation, client.clientId, client.generation, scope, refreshToken],
      ...[refreshableSeconds, refreshableSeconds + accessTokenTtlSeconds, refreshTokenIdleSeconds],
      ...[user.username, user.passwordChangeRequired, user.scopes, client.scopes, client.grants],
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

/** The family of a refresh token, used or not, or null when nobody was given that token. */
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
 * Uses a refresh token up and puts its successor in its place. Of any number that try at once one succeeds.
 * Whether it did: in the meantime the token may have been used, its family revoked, or another generation of the user or
 * the client begun. The family is locked before the token, in the order in which a deletion of the user takes them.
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
 * Whether a used refresh token may be answered once more, because its answer may have been lost: not once its successor
 * has been used.
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

/** Ends a family: its refresh tokens and its access tokens. Whether it had not ended before. */
export async function revokeFamily(id: string, database: Database): Promise<boolean> {
  const ended = await database.$executeRaw`
    UPDATE token_families SET revoked_at = now() WHERE id = ${id}::uuid AND revoked_at IS NULL`
  return ended === 1
}
