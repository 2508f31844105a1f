import type { Database } from './client.js'
import { queryRows } from './query.js'

/** Maximum number of rows that one statement removes, so that it is short and does not hold its locks for long. */
export const batchRows = 1_000

/** Maximum number of refresh tokens that one statement removes, as a multiple of the families. */
const tokensPerFamily = 10

/**
 * Returns the statement that removes one batch of the rows of a table for which a condition holds. Rows that another
 * transaction has locked are left to it.
 *
 * Its first value is the maximum number of rows. The condition may have further ones, from `$2` on.
 *
 * @param key columns of the primary key. Names cannot be values of a statement; callers pass constants
 */
export function rowRemoval(table: string, key: string, condition: string): string {
  return `
  WITH batch AS (
    SELECT ${key} FROM ${table} WHERE ${condition} LIMIT $1::int FOR UPDATE SKIP LOCKED
  ), removed AS (
    DELETE FROM ${table} WHERE (${key}) IN (SELECT ${key} FROM batch)
  )
  SELECT count(*)::int AS count FROM batch`
}

/**
 * Returns the same for token families. A family can have any number of refresh tokens, so the statement removes some of the
 * tokens, and the families when all of the tokens are among them.
 */
export function familyRemoval(condition: string): string {
  return `
  WITH families AS (
    SELECT id FROM token_families WHERE ${condition} LIMIT $1::int FOR UPDATE SKIP LOCKED
  ), tokens AS (
    SELECT fingerprint FROM refresh_tokens WHERE family_id IN (SELECT id FROM families)
    LIMIT $1::int * ${tokensPerFamily}
  ), removed_tokens AS (
    DELETE FROM refresh_tokens WHERE fingerprint IN (SELECT fingerprint FROM tokens)
  ), removed AS (
    DELETE FROM token_families
    WHERE id IN (SELECT id FROM families) AND (SELECT count(*) FROM tokens) < $1::int * ${tokensPerFamily}
  )
  SELECT count(*)::int AS count FROM families`
}

/** Bounds of a removal. */
export interface RemovalBounds {
  /** Maximum number of rows that one statement removes. */
  rows?: number | undefined
  /** Ends the removal after the current statement. */
  signal?: AbortSignal | undefined
}

/** Executes a statement of `rowRemoval` or `familyRemoval` until it finds no more rows. Returns how many it has found. */
export async function removeInBatches(
  removal: string,
  values: unknown[],
  database: Database,
  { rows = batchRows, signal }: RemovalBounds = {},
): Promise<number> {
  let total = 0
  let found = 1
  while (found > 0 && !signal?.aborted) {
    const [batch] = await queryRows<{ count: number }>(removal, [rows, ...values], database)
    found = (batch as { count: number }).count
    total += found
  }
  return total
}
