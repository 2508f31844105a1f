import type { Database } from '../database/client.js'
import { queryRows } from '../database/query.js'
import { maxCost } from './bcrypt.js'

/** Returns the highest cost of the stored password hashes, read from an index, or 0 when there are none. */
export async function findHighestCost(database: Database): Promise<number> {
  const [found] = await queryRows<{ cost: number }>(highestCost, [], database)
  return (found as { cost: number }).cost
}

/** The expression of the index `users_hash_cost_idx`: the two digits after the version of a bcrypt hash. */
const hashCost = 'substr(hashed_password, 5, 2)::smallint'

const highestCost = `SELECT coalesce(max(${hashCost}), 0) AS cost FROM users WHERE ${hashCost} <= ${maxCost}`
