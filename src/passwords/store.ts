import type { Database } from '../database/index.js'
import { queryRows } from '../database/statement.js'
import { maxCost } from './bcrypt.js'

/** Returns the highest cost at which a stored password was hashed, or 0 where there is none: read from an index. */
export async function findHighestCost(database: Database): Promise<number> {
  const [found] = await queryRows<{ cost: number }>(highestCost, [], database)
  return (found as { cost: number }).cost
}

const highestCost = `SELECT coalesce(max(hash_cost), 0) AS cost FROM users WHERE hash_cost <= ${maxCost}`
