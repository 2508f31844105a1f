import { sqlStateOf } from './errors.js'
import { type QueryTarget, queryRows } from './query.js'

/** SQLSTATE of what the planner of a distributed table does not support. */
const unsupportedFeature = '0A000'

/** Whether the items of different owners may be on different servers, as far as this process knows. */
export interface Sharding {
  /** Returns the result of the last lookup. The first call performs it. */
  isSharded(): Promise<boolean>
  /** Looks up the current state. */
  lookUp(): Promise<boolean>
  /**
   * Looks it up again if an error may mean that it has changed, unless another statement has led to that already. Returns
   * whether it has changed.
   *
   * @param believed what the statement that failed was written for
   */
  hasChanged(error: unknown, believed: boolean): Promise<boolean>
}

/** Remembers whether the table of items is sharded. A failed lookup is not remembered. */
export function rememberSharding(database: QueryTarget): Sharding {
  let known: Promise<boolean> | undefined

  function lookUp(): Promise<boolean> {
    const reading = readSharding(database)
    known = reading
    reading.catch(() => {
      if (known === reading) known = undefined
    })
    return reading
  }

  async function isSharded(): Promise<boolean> {
    return known ?? lookUp()
  }

  return {
    isSharded,
    lookUp,
    async hasChanged(error, believed) {
      if (sqlStateOf(error) !== unsupportedFeature) return false
      return (await isSharded()) !== believed || (await lookUp()) !== believed
    },
  }
}

/** Returns whether the table of items is divided by owner: partitioned by PostgreSQL, or distributed by Citus. */
export async function readSharding(database: QueryTarget): Promise<boolean> {
  const [found] = await queryRows<{ partitioned: boolean; citus: boolean }>(partitioning, [], database)
  if (!found?.citus) return found?.partitioned === true
  return (await queryRows(distribution, [], database)).length > 0
}

const partitioning = `
  SELECT
    EXISTS (SELECT FROM pg_class WHERE oid = to_regclass('items') AND relkind = 'p') AS partitioned,
    to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS citus`

/** Citus also lists local tables, which have the method `n`. A statement cannot name its catalogue where it is not installed. */
const distribution = `
  SELECT FROM pg_class
  LEFT JOIN pg_dist_partition ON logicalrelid = pg_class.oid
  WHERE pg_class.oid = to_regclass('items') AND (relkind = 'p' OR partmethod = 'h')`
