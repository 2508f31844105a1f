import type pg from 'pg'
import type { DistributedTable } from './tables.js'

// The operations of `latchkey scale`. They take from seconds to hours, and stop when the command is interrupted.

/** Key of the advisory lock that a command holds while it changes where rows are. */
const scaleLock = 0x1a7c4e06

/** Time limit of a lookup, which asks the servers of the cluster: any of them may hang (seconds). */
const lookupSeconds = 60

/** Time for a server of the cluster to accept a connection of a lookup (seconds). */
const connectSeconds = 5

/** Maximum wait for the lock on a table, during which other requests wait too (seconds). */
const lockSeconds = 5

/** Interval at which the server checks that the command is still connected (seconds). */
const interruptSeconds = 2

/** What a rebalance would do. */
export interface RebalancePlan {
  /** Number of moves of shards. */
  moves: number
  /** Size of these shards (bytes). */
  bytes: number
}

/** Sets time limits for the lookups of a session, and suppresses the warnings of Citus: the findings are reported instead. */
export async function limitLookups(session: pg.ClientBase): Promise<void> {
  await session.query(
    `SET statement_timeout = '${lookupSeconds}s'; SET citus.node_connection_timeout = '${connectSeconds}s';
     SET client_min_messages = error`,
  )
}

/**
 * Takes the lock of operations until the session ends, and removes the time limits of lookups, as an operation may take any time.
 *
 * @returns false if another command has the lock
 */
export async function beginOperation(session: pg.ClientBase): Promise<boolean> {
  const { rows } = await session.query<{ taken: boolean }>('SELECT pg_try_advisory_lock($1) AS taken', [
    scaleLock,
  ])
  await session.query(
    `RESET statement_timeout; RESET citus.node_connection_timeout; RESET client_min_messages;
     SET client_connection_check_interval = '${interruptSeconds}s'`,
  )
  return rows[0]?.taken === true
}

/**
 * Distributes a table while requests go on: Citus copies the rows, applies the changes that are made meanwhile, and locks the table for
 * the last of them. The next attempt continues one that was interrupted.
 */
export async function distributeTable(
  { name, column, triggers }: DistributedTable,
  shards: number,
  session: pg.ClientBase,
): Promise<void> {
  const drops = Object.keys(triggers).map((trigger) => `DROP TRIGGER IF EXISTS ${trigger} ON ${name}`)
  // Suppresses notices about triggers that an earlier attempt has dropped.
  await inTransaction(['SET LOCAL client_min_messages = warning', ...drops], session)
  await session.query('SELECT create_distributed_table_concurrently($1::regclass, $2, shard_count := $3)', [
    name,
    column,
    shards,
  ])
}

/** Brings a table back to the coordinator, in one transaction. Requests for the table wait meanwhile. */
export async function undistributeTable(
  { name, triggers }: DistributedTable,
  session: pg.ClientBase,
): Promise<void> {
  const creations = Object.entries(triggers).map(
    ([trigger, definition]) => `CREATE OR REPLACE TRIGGER ${trigger} ${definition}`,
  )
  await inTransaction([`SELECT undistribute_table('${name}')`, ...creations], session)
}

async function inTransaction(statements: string[], session: pg.ClientBase): Promise<void> {
  await session.query(`BEGIN; SET LOCAL lock_timeout = '${lockSeconds}s'`)
  for (const statement of statements) await session.query(statement)
  await session.query('COMMIT')
}

/** Returns what a rebalance would do. It concerns all tables of the cluster, including those of other programs. */
export async function planRebalance(session: pg.ClientBase): Promise<RebalancePlan> {
  const { rows } = await session.query<RebalancePlan>(plannedMoves)
  return rows[0] as RebalancePlan
}

/** The plan of Citus has outdated sizes, those of the shards when they were created. */
const plannedMoves = `
  SELECT count(*)::int AS moves, coalesce(sum(citus_shards.shard_size), 0)::float8 AS bytes
  FROM get_rebalance_table_shards_plan() JOIN citus_shards USING (shardid)`

/** Starts a rebalance, which Citus runs in the background. */
export async function startRebalance(session: pg.ClientBase): Promise<void> {
  await session.query('SELECT citus_rebalance_start()')
}

/** Waits until the rebalance has ended. */
export async function awaitRebalance(session: pg.ClientBase): Promise<void> {
  await session.query('SELECT citus_rebalance_wait()')
}
