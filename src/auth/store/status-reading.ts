import { type QueryTarget, queryRows } from '../../database/query.js'

/** A status list that has not been retired. */
export interface LiveList {
  id: string
  /** Key of the permutation that turns ordinals into indices. */
  seed: Buffer
  /** Time after which it is not served, by the clock of the database (milliseconds since 1970). */
  retiresAt: number
}

/** All live lists, as they were read. */
export interface LiveLists {
  lists: LiveList[]
  /** Time of the read, by the clock of the database (milliseconds since 1970). */
  readAt: number
}

/** Maximum number of live lists. At 2^20 tokens each, no deployment gets near it. */
const maxLiveLists = 10_000

const liveLists = `
  SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS "readAt",
    id, seed, extract(epoch FROM retires_at)::float8 * 1000 AS "retiresAt"
  FROM (SELECT) AS clock
  LEFT JOIN (
    SELECT id, seed, retires_at, created_at FROM status_lists
    WHERE retires_at > clock_timestamp() ORDER BY created_at DESC LIMIT ${maxLiveLists}
  ) AS live ON true
  ORDER BY created_at, id`

/** Returns the live lists, the oldest first. */
export async function readLiveLists(database: QueryTarget): Promise<LiveLists> {
  const rows = await queryRows<{ readAt: number } & (LiveList | { id: null })>(liveLists, [], database)
  const readAt = (rows[0] as { readAt: number }).readAt
  return { readAt, lists: rows.filter((row) => row.id !== null) }
}

/** Ranges of revoked ordinals, as they were read. */
export interface Revocations {
  /** Ranges of 8 bytes each: the first ordinal, and their number. */
  ranges: Buffer
  /** Transaction id from which the next read must start, so that it misses no commit. */
  horizon: string
}

/** Horizon of the first read of a list, which returns all its revocations. */
export const beginning = '0'

const revocations = `
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon,
    coalesce(string_agg(int4send(first) || int4send(count), ''), '') AS ranges
  FROM status_revocations WHERE list_id = $1 AND xid >= $2::xid8`

/**
 * Returns the revocations of a list that were committed since an earlier read, and perhaps some that it has returned too. One value
 * with all ranges takes a tenth of the time of a row for each.
 *
 * @param horizon of the earlier read. All transactions before it had ended, so their revocations were visible to that read.
 */
export async function readRevocations(
  listId: string,
  horizon: string,
  database: QueryTarget,
): Promise<Revocations> {
  const [read] = await queryRows<Revocations>(revocations, [listId, horizon], database)
  return read as Revocations
}
