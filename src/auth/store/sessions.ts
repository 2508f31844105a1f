import { raw, type Transaction } from '../../database/client.js'
import { isStorable, isUuid } from '../../database/storable.js'
import { hasResource } from './facts.js'

/** A login that has valid tokens: a token family. */
export interface Session {
  id: string
  username: string
  clientId: string
  scope: string
  createdAt: Date
  /** Latest time at which its last token expires. */
  expiresAt: Date
}

/** Filter of a list of sessions. Null stands for any user or client. */
export interface SessionFilter {
  username: string | null
  clientId: string | null
  limit: number
}

/** Returns the sessions that are still valid, the newest first. */
export async function listSessions(
  { username, clientId, limit }: SessionFilter,
  database: Transaction,
): Promise<Session[]> {
  if (![username, clientId].every((name) => name === null || isStorable(name))) return []
  return database.$queryRaw<Session[]>`
    SELECT family.id, username, client_id AS "clientId", scope, family.created_at AS "createdAt",
      expires_at AS "expiresAt"
    FROM token_families AS family
    JOIN users ON users.id = user_id AND users.generation = user_generation AND NOT users.disabled
    JOIN clients USING (client_id)
    WHERE clients.generation = client_generation AND NOT clients.disabled
      AND revoked_at IS NULL AND expires_at > now() AND ${raw(hasResource)}
      AND username = coalesce(${username}, username) AND client_id = coalesce(${clientId}, client_id)
    ORDER BY family.created_at DESC, family.id LIMIT ${limit}`
}

/** Returns the name of the user whose session has this id, or null. */
export async function findSessionOwner(id: string, database: Transaction): Promise<string | null> {
  if (!isUuid(id.toLowerCase())) return null
  const [owner] = await database.$queryRaw<{ username: string }[]>`
    SELECT username FROM token_families AS family
    JOIN users ON users.id = user_id
    JOIN clients USING (client_id)
    WHERE family.id = ${id}::uuid AND ${raw(hasResource)}`
  return owner?.username ?? null
}
