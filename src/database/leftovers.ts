import { familyRemoval, rowRemoval } from './removal.js'

// What departures leave behind, by their kind.

/** Rows that a departure leaves behind. */
export interface Leftover {
  table: string
  /** SQL that holds for the rows, of which `$2` is the key of the departure. */
  condition: string
  /** Statement that removes `$1` of them, or ends their tokens, and returns their number. */
  removal: string
}

function families(condition: string): Leftover {
  return { table: 'token_families', condition, removal: familyRemoval(condition) }
}

/** Returns the same for logins that are revoked in batches. Their rows remain, and a trigger sets the bits of their tokens. */
function formerLogins(condition: string): Leftover {
  return {
    table: 'token_families',
    condition,
    removal: `
  WITH batch AS (
    SELECT id FROM token_families WHERE ${condition} LIMIT $1::int FOR NO KEY UPDATE SKIP LOCKED
  ), ended AS (
    UPDATE token_families SET revoked_at = now() WHERE id IN (SELECT id FROM batch)
  )
  SELECT count(*)::int AS count FROM batch`,
  }
}

/** Returns the same for blocks of status list entries: the bits of all their tokens are set. */
function blocks(condition: string): Leftover {
  const isLive = `${condition} AND EXISTS (SELECT FROM status_lists WHERE id = list_id AND retires_at > now()) AND NOT EXISTS (
    SELECT FROM status_revocations AS known
    WHERE known.list_id = status_blocks.list_id AND known.first = status_blocks.first AND known.count = status_blocks.count)`
  return {
    table: 'status_blocks',
    condition: isLive,
    removal: `
  WITH batch AS (
    SELECT list_id, first, count FROM status_blocks WHERE ${isLive} ORDER BY 1, 2 LIMIT $1::int
  ), revoked AS (
    INSERT INTO status_revocations (list_id, first, count) SELECT list_id, first, count FROM batch ON CONFLICT DO NOTHING
  )
  SELECT count(*)::int AS count FROM batch`,
  }
}

function rowsOf(table: string, key: string, condition: string): Leftover {
  return { table, condition, removal: rowRemoval(table, key, condition) }
}

/** Returns SQL for a column of a departure, whose key is `$2`. */
function departed(column: 'generation' | 'departed_at', kind: string): string {
  return `(SELECT ${column} FROM departures WHERE kind = '${kind}' AND departures.key = $2::text)`
}

/**
 * Rows of tokens whose bits must be set within a second: of a deleted user, of a user's former generations, and of a client or a
 * resource with very many blocks. The tokens of users who have lost a scope are in `auth/status/lost-scopes.ts`.
 */
export const endedTokens: Record<string, Leftover[]> = {
  user: [
    families('user_id = $2::text::uuid'),
    rowsOf('idempotency_keys', 'subject, key', 'owner_id = $2::text::uuid'),
    rowsOf('one_time_tokens', 'fingerprint', 'invited_by = $2::text::uuid'),
  ],
  former_logins: [
    formerLogins(
      `user_id = $2::text::uuid AND user_generation < ${departed('generation', 'former_logins')}
        AND revoked_at IS NULL AND expires_at > now()`,
    ),
  ],
  client_blocks: [
    blocks(`client_id = $2::text AND created_at <= ${departed('departed_at', 'client_blocks')}`),
  ],
  resource_blocks: [
    blocks(`resource_id = $2::text::uuid AND created_at <= ${departed('departed_at', 'resource_blocks')}`),
  ],
}

/** Rows whose tokens have their bits already, or that belong to none. Scopes are in `departed-scopes.ts`. */
export const leftRows: Record<string, Leftover[]> = {
  client: [families(`client_id = $2::text AND client_generation <= ${departed('generation', 'client')}`)],
  resource: [families('resource_id = $2::text::uuid')],
  caller: [
    rowsOf(
      'idempotency_keys',
      'subject, key',
      `subject = $2::text AND created_at <= ${departed('departed_at', 'caller')}`,
    ),
  ],
  inviter: [
    rowsOf(
      'one_time_tokens',
      'fingerprint',
      `invited_by = $2::text::uuid AND created_at <= ${departed('departed_at', 'inviter')}`,
    ),
  ],
  webhook: [rowsOf('outbox', 'id', "kind = 'webhook' AND target = $2::text")],
}
