import { lowestId } from '../database/lowest-id.js'
import { type QueryTarget, queryRows } from '../database/query.js'
import { readSharding } from '../database/sharding.js'

// Items whose owner is neither in `users` nor in `departed_owners`. The service leaves none, but tables that were restored from
// backups of different times, or damaged, can have them: no request reaches them, and nothing removes them.
//
//  1. Read the next owners in the order of the primary key.
//  2. Look them up, in a statement of its own: items may be on other servers than users. It runs after the first one, so it finds
//     users who were created meanwhile.
//  3. Count the items of those who were not found. There are none if the user was deleted, and the items removed, between the
//     first two steps.

/** An owner who does not exist. */
export interface Orphan {
  ownerId: string
  /** Number of their items. */
  items: number
}

/** A part of the sweep. */
export interface SweptOwners {
  /** Number of owners that were looked up. */
  owners: number
  orphans: Orphan[]
}

/** Number of owners that are looked up together. */
const defaultPageSize = 1_000
/** Number of items that a statement counts. */
const countedRows = 10_000

/** Comparison with an id that a search begins at, or with the last one that it has found. */
type Comparison = '>=' | '>'

/** Looks for owners who do not exist, in the order of their ids. It takes the memory of one page, whatever the number of items. */
export async function* sweepOrphans(
  database: QueryTarget,
  pageSize = defaultPageSize,
): AsyncGenerator<SweptOwners> {
  const scan = (await readSharding(database)) ? distinctScan : looseIndexScan
  const nextOwners = scan('>', pageSize)
  let owners = await readOwners(scan('>=', pageSize), [lowestId], database)
  while (owners.length > 0) {
    yield { owners: owners.length, orphans: await findOrphans(owners, database) }
    owners = await readOwners(nextOwners, [owners.at(-1)], database)
  }
}

/**
 * Schedules the items of owners for removal by the service, in its batches. Owners who exist are left out.
 *
 * @returns the ids of the owners whose items are removed
 */
export async function scheduleRemoval(orphans: Orphan[], database: QueryTarget): Promise<string[]> {
  return readOwners(insertDeparted, [orphans.map(({ ownerId }) => ownerId)], database)
}

async function findOrphans(owners: string[], database: QueryTarget): Promise<Orphan[]> {
  const orphans: Orphan[] = []
  for (const ownerId of await readOwners(missingOwners, [owners], database)) {
    const items = await countItems(ownerId, database)
    if (items > 0) orphans.push({ ownerId, items })
  }
  return orphans
}

async function readOwners(text: string, values: unknown[], database: QueryTarget): Promise<string[]> {
  const rows = await queryRows<{ ownerId: string }>(text, values, database)
  return rows.map(({ ownerId }) => ownerId)
}

/** Counts the items of an owner in several statements, since one may not have the time for all of them. */
async function countItems(ownerId: string, database: QueryTarget): Promise<number> {
  let { count: items, last } = await countPage('>=', ownerId, lowestId, database)
  while (last !== null) {
    const page = await countPage('>', ownerId, last, database)
    items += page.count
    last = page.last
  }
  return items
}

async function countPage(
  comparison: Comparison,
  ownerId: string,
  id: string,
  database: QueryTarget,
): Promise<Counted> {
  const [counted] = await queryRows<Counted>(itemsFrom(comparison), [ownerId, id], database)
  return counted as Counted
}

interface Counted {
  count: number
  /** The greatest id of a full page, found by its text, as PostgreSQL before version 18 has no maximum of UUIDs; else null. */
  last: string | null
}

/**
 * Returns the statement for the next owners that skips the other items of each (a loose index scan): it takes as long for one
 * owner of a billion items as for one of a single item.
 */
function looseIndexScan(comparison: Comparison, owners: number): string {
  const first = (condition: string) =>
    `SELECT owner_id FROM items WHERE owner_id ${condition} ORDER BY owner_id LIMIT 1`
  return `
  WITH RECURSIVE found AS (
    (${first(`${comparison} $1::uuid`)})
    UNION ALL
    SELECT (${first('> found.owner_id')}) FROM found WHERE owner_id IS NOT NULL
  )
  SELECT owner_id AS "ownerId" FROM (
    SELECT owner_id FROM found WHERE owner_id IS NOT NULL LIMIT ${owners}
  ) AS page ORDER BY owner_id`
}

/**
 * Returns the statement for the next owners that Citus can execute, each server for its part. It reads the index entries of all
 * their items. The limit is a constant: with a parameter, PostgreSQL may sort the table instead.
 */
function distinctScan(comparison: Comparison, owners: number): string {
  return `
  SELECT DISTINCT owner_id AS "ownerId" FROM items WHERE owner_id ${comparison} $1::uuid ORDER BY owner_id LIMIT ${owners}`
}

const missingOwners = `
  SELECT owner_id AS "ownerId" FROM unnest($1::uuid[]) AS seen (owner_id)
  WHERE NOT EXISTS (SELECT FROM users WHERE users.id = seen.owner_id)
    AND NOT EXISTS (SELECT FROM departed_owners WHERE departed_owners.owner_id = seen.owner_id)
  ORDER BY owner_id`

/** Returns the statement that counts one page of an owner's items, in the order of their ids. */
function itemsFrom(comparison: Comparison): string {
  return `
  SELECT count(*)::int AS count, CASE count(*) WHEN ${countedRows} THEN max(id::text COLLATE "C") END AS last FROM (
    SELECT id FROM items WHERE owner_id = $1::uuid AND id ${comparison} $2::uuid ORDER BY id LIMIT ${countedRows}
  ) AS page`
}

const insertDeparted = `
  INSERT INTO departed_owners (owner_id)
  SELECT owner_id FROM unnest($1::uuid[]) AS orphan (owner_id)
  WHERE NOT EXISTS (SELECT FROM users WHERE users.id = orphan.owner_id)
  ON CONFLICT DO NOTHING RETURNING owner_id AS "ownerId"`
