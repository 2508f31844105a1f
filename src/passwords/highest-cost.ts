import type { Database } from '../database/client.js'
import { queryRows } from '../database/query.js'
import { maxCost } from './bcrypt.js'

/** Returns the highest cost at which a stored password was hashed, or 0 where there is none: read from an index. */
export async function findHighestCost(database: Database): Promise<number> {
  const [found] = await queryRows<{ cost: number }>(highestCost, [], database)
  return (found as { cost: number }).cost
}

/** As `users_hash_cost_idx` has it: the two digits behind the version of a bcrypt hash. */
const hashCost = 'substr(hashed_password, 5, 2)::smallint'

const highestCost = `SELECT coalesce(max(${hashCost}), 0) AS cost FROM users WHERE ${hashCost} <= ${maxCost}`
