import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import { grantedScopes } from '../../users/store/granted-scopes.js'
import type { ClientFacts, UserFacts } from '../effective.js'
import type { Resource } from '../resources/resource-store.js'
import type { StoredEntry } from './status-entries.js'

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
  /** Entry of its first access token in a status list; null without one. */
  entry: StoredEntry | null
}

/**
 * Starts the token family of a login. The rows of the resource, the user and the client are locked (FOR SHARE), so a change
 * of them waits and then sees the family that it may have to revoke. The resource is the first, as its deletion takes its
 * scopes from users and clients.
 *
 * @returns false when the user, the client or the resource has changed since the login was decided
 */
export async function startFamily(login: Login, limits: FamilyLimits, database: Database): Promise<boolean> {
  const { id, user, client, scope, resource, refreshToken, entry } = login
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
      entry?.listId ?? null,
      entry?.ordinal ?? null,
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
      (id, user_id, client_id, scope, user_generation, client_generation, refreshable_until, expires_at, resource_id,
        status_list, status_ordinal)
    SELECT $1::uuid, unchanged.id, $4, $6, $3::int, $5::int,
      now() + make_interval(secs => $8::int), now() + make_interval(secs => $9::int), $16::uuid,
      $18::char(11), $19::int
    FROM unchanged
    RETURNING id, refreshable_until
  ), token AS (
    INSERT INTO refresh_tokens (fingerprint, family_id, expires_at)
    SELECT $7::bytea, id, least(now() + make_interval(secs => $10::int), refreshable_until)
    FROM family WHERE $7::bytea IS NOT NULL
  )
  SELECT id FROM family`

/** Keeps a family until an access token with this lifetime (seconds), which is issued now, has expired. */
export async function extendFamily(id: string, ttlSeconds: number, database: Database): Promise<void> {
  await database.$executeRaw`
    UPDATE token_families SET expires_at = now() + make_interval(secs => ${ttlSeconds})
    WHERE id = ${id}::uuid AND expires_at < now() + make_interval(secs => ${ttlSeconds})`
}

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
