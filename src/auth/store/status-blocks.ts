import { randomBytes } from 'node:crypto'
import type { Database } from '../../database/client.js'
import { queryRows } from '../../database/query.js'
import { passwordScope, splitScope } from '../scope.js'
import type { SubjectType } from '../subject.js'

/** What the tokens of a block of status list entries depend on. */
export interface BlockHolder {
  client: { clientId: string; generation: number }
  /** Resource that the tokens are for; null for this service. */
  resource: { id: string; generation: number; subjectType: SubjectType } | null
  scope: string
  /** Whether the tokens speak for users. */
  ofUsers: boolean
}

/** Returns a text that is the same for equal holders, in whatever order the scope is written. */
export function holderKey({ client, resource, scope, ofUsers }: BlockHolder): string {
  const of = [
    client.clientId,
    client.generation,
    resource?.id,
    resource?.generation,
    resource?.subjectType,
    ofUsers,
  ]
  return [...of, ...splitScope(scope).sort()].join(' ')
}

/** Lifetimes of a status list. */
export interface ListTerms {
  /** Lifetime class: its tokens live for at most 3,600 * 8^class seconds. */
  class: number
  /** Length of the periods at whose end lists close (seconds): blocks are leased from a list until then. */
  openSeconds: number
  /** Time after that until its last token has expired (seconds). */
  retentionSeconds: number
}

/** A block of entries that this process alone may use. */
export interface LeasedBlock {
  listId: string
  /** Key of the permutation of the list. */
  seed: Buffer
  /** Ordinal of its first entry. */
  first: number
  /** Time until the list closes (seconds). */
  openSeconds: number
}

/**
 * Leases a block of the open list with these terms, or of a new list. Of simultaneous leases without an open list one makes it, and
 * the others join it. The rows of the client, the resource and its scopes are
 * locked (FOR SHARE), so a change of them waits, and then finds the block whose tokens it may end.
 *
 * @param count number of entries
 * @returns null when the client or the resource has changed, or one of them no longer has the scope
 */
export async function leaseBlock(
  { client, resource, scope, ofUsers }: BlockHolder,
  terms: ListTerms,
  count: number,
  database: Database,
): Promise<LeasedBlock | null> {
  const [leased] = await queryRows<LeasedBlock>(
    lease,
    [
      client.clientId,
      client.generation,
      resource?.id ?? null,
      resource?.generation ?? null,
      scope,
      splitScope(scope),
      ofUsers,
      count,
      terms.class,
      terms.openSeconds,
      terms.retentionSeconds,
      randomBytes(8).toString('base64url'),
      randomBytes(32),
      resource?.subjectType ?? null,
    ],
    database,
  )
  return leased ?? null
}

const lease = `
  WITH resource AS (
    SELECT FROM resources WHERE id = $3::uuid AND generation = $4::int AND subject_type = $14::varchar AND NOT disabled FOR SHARE
  ), defined AS (
    SELECT name, resource_id FROM resource_scopes WHERE name = ANY ($6::varchar[]) FOR SHARE
  ), holder AS (
    SELECT FROM clients
    WHERE client_id = $1::varchar AND generation = $2::int AND NOT disabled
      AND $6::varchar[] <@ CASE WHEN 'me' = ANY (scopes) THEN scopes || '${passwordScope}'::varchar ELSE scopes END
      AND CASE WHEN $3::uuid IS NULL THEN NOT EXISTS (SELECT FROM defined)
        ELSE EXISTS (SELECT FROM resource) AND $6::varchar[] <@ ARRAY(SELECT name FROM defined WHERE resource_id = $3::uuid) END
    FOR SHARE
  ), open AS (
    SELECT id FROM status_lists
    WHERE EXISTS (SELECT FROM holder) AND class = $9::smallint AND closes_at > now() AND next_ordinal + $8::int <= 1048576
    ORDER BY created_at LIMIT 1 FOR NO KEY UPDATE
  ), taken AS (
    UPDATE status_lists SET next_ordinal = next_ordinal + $8::int FROM open WHERE status_lists.id = open.id
    RETURNING status_lists.id, seed, next_ordinal - $8::int AS first, closes_at
  ), period AS (
    SELECT to_timestamp((floor(extract(epoch FROM now()) / $10::int) + 1) * $10::int) AS closes_at
  ), made AS (
    INSERT INTO status_lists (id, class, seed, number, next_ordinal, closes_at, retires_at)
    SELECT $12::char(11), $9::smallint, $13::bytea,
      (SELECT count(*) FROM status_lists AS full_list WHERE class = $9::smallint AND full_list.closes_at = period.closes_at),
      $8::int, closes_at, closes_at + make_interval(secs => $11::int)
    FROM period WHERE EXISTS (SELECT FROM holder) AND NOT EXISTS (SELECT FROM open)
    ON CONFLICT (class, closes_at, number) DO UPDATE SET next_ordinal = status_lists.next_ordinal + $8::int
      WHERE status_lists.next_ordinal + $8::int <= 1048576
    RETURNING id, seed, next_ordinal - $8::int AS first, closes_at
  ), list AS (
    SELECT * FROM taken UNION ALL SELECT * FROM made
  ), block AS (
    INSERT INTO status_blocks (list_id, first, count, client_id, client_generation, resource_id, scope, of_users)
    SELECT id, first, $8::int, $1::varchar, $2::int, $3::uuid, $5::varchar, $7::boolean FROM list
  )
  SELECT id AS "listId", seed, first, extract(epoch FROM closes_at - now())::float8 AS "openSeconds" FROM list`
