import { setTimeout as delay } from 'node:timers/promises'
import type { Database } from './client.js'
import { lowestId } from './lowest-id.js'
import { queryRows } from './query.js'
import { batchRows, type RemovalBounds } from './removal.js'

/** A table whose rows have scopes. No index finds those with a deleted one, so batches walk through all rows by their ids. */
interface Holders {
  table: string
  /** SQL for the names of the scopes of a row, as an array. */
  names: string
  /** Assignment that removes the scopes in `$2`. */
  removal: string
}

const holders: Holders[] = [
  {
    table: 'users',
    names: 'scopes',
    removal: 'scopes = ARRAY(SELECT one FROM unnest(scopes) AS one WHERE one <> ALL ($2::varchar[]))',
  },
  {
    table: 'token_families',
    names: "string_to_array(scope, ' ')::varchar[]",
    removal: `scope = array_to_string(
      ARRAY(SELECT one FROM unnest(string_to_array(scope, ' ')) AS one WHERE one <> ALL ($2::varchar[])), ' ')`,
  },
]

/** Maximum number of walks in one search, while others hold rows. */
const maxWalks = 20
/** Time between two of them (milliseconds). The batches of other processes take less. */
const pauseMs = 50

/**
 * Takes deleted scopes from users and logins. While that is under way, nothing can have these scopes: no client has them, the
 * scopes of users are read without them, and no resource can define scopes with their names. Rows that others keep locked are
 * left for the next search.
 */
export async function removeDepartedScopes(database: Database, bounds: RemovalBounds): Promise<void> {
  for (let walk = 1; walk <= maxWalks && !bounds.signal?.aborted; walk++) {
    if (await takeDepartedScopes(database, bounds)) return
    await delay(pauseMs)
  }
}

/** Walks through all users and logins once. Returns whether no row was locked. */
async function takeDepartedScopes(
  database: Database,
  { rows = batchRows, signal }: RemovalBounds,
): Promise<boolean> {
  const found = await queryRows<DepartedScope>(pending, [], database)
  if (found.length === 0) return true
  const names = found.map(({ name }) => name)
  let skipped = 0
  for (const walk of walks) {
    let batch: Batch | undefined = { last: lowestId, skipped: 0 }
    while (batch && !signal?.aborted) {
      ;[batch] = await queryRows<Batch>(walk, [rows, names, batch.last], database)
      skipped += batch?.skipped ?? 0
    }
  }
  if (skipped > 0 || signal?.aborted) return false
  await queryRows(completion, [names, found.map(({ departedAt }) => departedAt)], database)
  return true
}

interface DepartedScope {
  name: string
  /** Time of the departure, as text: it has a higher precision than a Date. */
  departedAt: string
}

/** A batch of rows that were read. */
interface Batch {
  /** Id of the last row. */
  last: string
  /** Number of rows with one of the scopes that another transaction has locked. They are left for the next search. */
  skipped: number
}

const pending = `
  SELECT key AS name, departed_at::text AS "departedAt" FROM departures WHERE kind = 'scope'`

/** A later departure of the same name is left for the next search, as this one did not walk through all rows after it. */
const completion = `
  DELETE FROM departures USING unnest($1::text[], $2::text[]) AS walked (name, departed_at)
  WHERE kind = 'scope' AND key = walked.name AND departures.departed_at = walked.departed_at::timestamptz`

/** Statements that take the scopes in `$2` from a batch of `$1` rows, which begins after the row `$3`. */
const walks = holders.map(
  ({ table, names, removal }) => `
  WITH batch AS (
    SELECT id, ${names} && $2::varchar[] AS is_holder FROM ${table} WHERE id > $3::uuid ORDER BY id LIMIT $1::int
  ), held AS (
    SELECT id FROM ${table} WHERE id IN (SELECT id FROM batch WHERE is_holder) FOR NO KEY UPDATE SKIP LOCKED
  ), changed AS (
    UPDATE ${table} SET ${removal} WHERE id IN (SELECT id FROM held)
  )
  SELECT id AS last,
    ((SELECT count(*) FROM batch WHERE is_holder) - (SELECT count(*) FROM held))::int AS skipped
  FROM batch ORDER BY id DESC LIMIT 1`,
)
