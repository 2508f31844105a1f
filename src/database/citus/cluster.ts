import type pg from 'pg'
import { distributedTables } from './tables.js'

// The statements on a cluster of Citus 13. They name its functions and catalogues without a schema: the search path of every session
// begins with pg_catalog, where Citus has put them.

/** Oldest major version of Citus that these statements are for. */
export const oldestCitus = 13

/** A cluster of Citus, as its coordinator describes it. */
export interface Cluster extends ClusterFacts {
  nodes: ClusterNode[]
  tables: TableState[]
  /** The last rebalance, if there was one. */
  rebalance: Rebalance | null
}

interface ClusterFacts {
  /** Version of Citus, such as `13.2.2`. */
  version: string
  /** Whether this is the database of the coordinator, and not one of a worker. */
  isCoordinator: boolean
  /** Number of shards and replication slots that Citus has yet to remove, in the background. */
  leftovers: number
}

/** A server of the cluster. */
export interface ClusterNode {
  /** Host and port. */
  name: string
  role: 'coordinator' | 'worker'
  /** Whether the cluster uses it (`isactive` of Citus). */
  active: boolean
  /** Whether new shards are placed on it (`shouldhaveshards` of Citus). */
  receives: boolean
  /** Whether it answers the coordinator, even if with an error; null for a server that the cluster does not use, and does not ask. */
  answers: boolean | null
  /** Message of the error that it answered with instead of its settings; null without an error. */
  error: string | null
  /** Number of shards of our tables. */
  shards: number
  /** Size of these shards (bytes); null if it does not answer. */
  bytes: number | null
  /** Settings of its sessions; null if it did not answer with them. */
  settings: NodeSettings | null
}

/** Time limits that can be set for a role, and then end an operation of Citus before it is complete. */
export const timeLimitNames = [
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'transaction_timeout',
] as const

const settingNames = ['wal_level', 'output_plugin_libraries', ...timeLimitNames] as const

/**
 * Settings that decide whether rows can be copied while requests go on. A setting is missing if this version of PostgreSQL does not have
 * it, or the role may not read it: only superusers and members of pg_read_all_settings may read `output_plugin_libraries`.
 */
type NodeSettings = Partial<Record<(typeof settingNames)[number], string>>

/** A table of ours, and where its rows are. */
export interface TableState {
  name: string
  /**
   * - `local`: on the coordinator
   * - `prepared`: on the coordinator, after a distribution that was interrupted
   * - `distributed`: on the workers, by the hash of our column
   * - `other`: partitioned, or distributed differently
   */
  state: 'local' | 'prepared' | 'distributed' | 'other'
  shards: number
  /** Size of the rows and their indexes (bytes); null if a server does not answer. */
  bytes: number | null
}

/** A rebalance, which Citus runs in the background. */
export interface Rebalance {
  /** Id of its job in Citus. */
  job: number
  /** State of the job, as Citus names it. */
  state: string
  startedAt: Date | null
  /** Number of moves of shards, by their states. */
  moves: Record<string, number>
  /** Why the last move failed, if one did. */
  problem: string | null
}

/** States in which a rebalance has not ended. */
const inProgressStates = ['scheduled', 'running', 'cancelling', 'failing']

/** Returns whether a rebalance has not ended. */
export function isInProgress(rebalance: Rebalance | null): rebalance is Rebalance {
  return rebalance !== null && inProgressStates.includes(rebalance.state)
}

/** Returns the cluster that a database belongs to, or null for a database without Citus. */
export async function readCluster(session: pg.ClientBase): Promise<Cluster | null> {
  const { rows: installed } = await session.query("SELECT WHERE to_regproc('citus_version') IS NOT NULL")
  if (installed.length === 0) return null
  const names = distributedTables.map(({ name }) => name)
  const columns = distributedTables.map(({ column }) => column)
  const { rows: facts } = await session.query<ClusterFacts>(clusterFacts)
  const { rows: nodes } = await session.query<ClusterNode>(clusterNodes, [names])
  const { rows: tables } = await session.query<TableState>(tableStates, [names, columns])
  return { ...(facts[0] as ClusterFacts), nodes, tables, rebalance: await readRebalance(session) }
}

/** Returns the last rebalance, if there was one. */
export async function readRebalance(session: pg.ClientBase): Promise<Rebalance | null> {
  const { rows } = await session.query<Rebalance>(lastRebalance)
  return rows[0] ?? null
}

const clusterFacts = `
  SELECT split_part(citus_version(), ' ', 2) AS version, citus_is_coordinator() AS "isCoordinator",
    (SELECT count(*) FROM pg_dist_cleanup)::int AS leftovers`

/** Asks every node for its settings, which shows whether it answers. The view omits settings that the role may not read. */
const settingsOfNode = `
  SELECT json_object_agg(name, current_setting(name)) FROM pg_settings WHERE name = ANY ('{${settingNames.join()}}')`

/** The error of a server begins with its severity, in the language of the server. That of a connection does not. */
const answersOfNodes = `
  SELECT nodeid, success, result, CASE WHEN NOT success THEN substring(result FROM '^\\S+:  (.*)') END AS error
  FROM run_command_on_all_nodes('${settingsOfNode.replaceAll("'", "''")}')`

const clusterNodes = `
  WITH placed AS (
    SELECT nodename, nodeport, count(*)::int AS shards, sum(shard_size)::float8 AS bytes,
      bool_or(shard_size IS NULL) AS "isUnknown"
    FROM citus_shards WHERE table_name = ANY (SELECT to_regclass(name) FROM unnest($1::text[]) AS name)
    GROUP BY nodename, nodeport
  )
  SELECT
    nodename || ':' || nodeport AS name,
    CASE groupid WHEN 0 THEN 'coordinator' ELSE 'worker' END AS role,
    isactive AS active,
    shouldhaveshards AS receives,
    success OR error IS NOT NULL AS answers,
    error,
    coalesce(shards, 0) AS shards,
    CASE WHEN (success OR error IS NOT NULL) AND "isUnknown" IS NOT TRUE THEN coalesce(bytes, 0) END AS bytes,
    CASE WHEN success THEN result::json END AS settings
  FROM pg_dist_node
  LEFT JOIN (${answersOfNodes}) AS answer USING (nodeid)
  LEFT JOIN placed USING (nodename, nodeport)
  WHERE noderole = 'primary' ORDER BY groupid`

/** `bytes` is the size of the table itself or, once its distribution has begun, that of its shards. */
const tableStates = `
  SELECT
    wanted.name,
    CASE
      WHEN relkind <> 'r' THEN 'other'
      WHEN partmethod IS NULL THEN 'local'
      WHEN partmethod = 'h' AND column_to_column_name(logicalrelid, partkey) = wanted.column THEN 'distributed'
      WHEN partmethod = 'n' AND repmodel = 's' THEN 'prepared'
      ELSE 'other' END AS state,
    (SELECT count(*)::int FROM pg_dist_shard WHERE pg_dist_shard.logicalrelid = pg_class.oid) AS shards,
    CASE WHEN partmethod IS NULL THEN pg_total_relation_size(pg_class.oid)
      ELSE (SELECT CASE WHEN bool_and(shard_size IS NOT NULL) THEN sum(shard_size) END
        FROM citus_shards WHERE table_name = pg_class.oid) END::float8 AS bytes
  FROM unnest($1::text[], $2::text[]) AS wanted (name, "column")
  JOIN pg_class ON pg_class.oid = to_regclass(wanted.name)
  LEFT JOIN pg_dist_partition ON logicalrelid = pg_class.oid
  ORDER BY wanted.name`

const lastRebalance = `
  SELECT job_id::int AS job, state::text, started_at AS "startedAt",
    coalesce(details -> 'task_state_counts', '{}') AS moves,
    details #>> '{tasks,-1,message}' AS problem
  FROM citus_rebalance_status()`
