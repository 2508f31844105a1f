import type { Database } from '../database/client.js'
import { queryRows } from '../database/query.js'
import { bcryptWork, maxCost } from './schemes/bcrypt.js'
import type { Work } from './schemes/scheme.js'

/** Maximum number of kinds of imported hashes that are considered, as every login does the work of all of them. */
export const maxKinds = 8

/**
 * Returns the most work of each kind that any stored hash takes, read from indexes.
 *
 * @param cost of new hashes
 */
export async function findStoredWork(cost: number, database: Database): Promise<Work[]> {
  const found = await queryRows<Work>(storedWork, [], database)
  const work = new Map([[bcryptWork(cost).kind, bcryptWork(cost).units]])
  for (const { kind, units } of found) work.set(kind, Math.max(units, work.get(kind) ?? 0))
  return [...work].map(([kind, units]) => ({ kind, units }))
}

/** Returns names of users who cannot log in, as their bcrypt hash costs too much to verify. */
export async function findUnaffordable(limit: number, database: Database): Promise<string[]> {
  const text = `SELECT username FROM users WHERE ${hashCost} > ${maxCost} ORDER BY username LIMIT $1`
  const found = await queryRows<{ username: string }>(text, [limit], database)
  return found.map(({ username }) => username)
}

/** The expression of the index `users_hash_cost_idx`: the two digits after the version of a bcrypt hash. */
const hashCost = 'substr(hashed_password, 5, 2)::smallint'

/** Reads one entry of an index for bcrypt hashes, and one for each kind of work of imported hashes. */
const storedWork = `
  WITH RECURSIVE imported AS (
    (SELECT work_kind, work_units FROM imported_hashes ORDER BY work_kind DESC, work_units DESC LIMIT 1)
    UNION ALL
    SELECT other.* FROM imported, LATERAL (
      SELECT work_kind, work_units FROM imported_hashes WHERE work_kind < imported.work_kind
      ORDER BY work_kind DESC, work_units DESC LIMIT 1
    ) AS other
  )
  SELECT 'bcrypt' AS kind, 1 << coalesce(max(${hashCost}), 0) AS units FROM users WHERE ${hashCost} <= ${maxCost}
  UNION ALL
  (SELECT work_kind, work_units FROM imported LIMIT ${maxKinds})`
