import type pg from 'pg'
import { type Cluster, isInProgress, timeLimitNames } from './cluster.js'
import type { DistributedTable } from './tables.js'

// Obstacles to an operation, as clauses for an operator: a fact, and what to do about it.

/** Values of a time limit that is off, or that this version of PostgreSQL lacks. */
const unlimited: (string | undefined)[] = ['0', undefined]

/** Returns the obstacles to any operation on the cluster. */
export async function findClusterObstacles(cluster: Cluster, session: pg.ClientBase): Promise<string[]> {
  const { rebalance } = cluster
  const running = isInProgress(rebalance)
    ? [`rebalance ${rebalance.job} is ${rebalance.state}: wait until it has ended`]
    : []
  return [...running, ...findRefusals(cluster), ...(await findBrokenLinks(cluster, session))]
}

/** Returns the servers that answer the coordinator with an error. */
export function findRefusals({ nodes }: Cluster): string[] {
  return nodes.flatMap(({ name, error }) =>
    error === null ? [] : [`${name} answers the coordinator with an error: ${error}`],
  )
}

/** A server that cannot connect to another one, or may not be able to. */
interface BrokenLink {
  source: string
  target: string
  /** Whether the source has reported the failure; otherwise it could not be asked. */
  isKnown: boolean
}

/** Returns the servers that do not answer or, if all do, the pairs that cannot connect, as moves of shards require. */
export async function findBrokenLinks({ nodes }: Cluster, session: pg.ClientBase): Promise<string[]> {
  const silent = nodes.filter(({ answers }) => answers === false)
  if (silent.length > 0)
    return silent.map(
      ({ name }) => `${name} does not answer the coordinator (it is down, or does not let this role in)`,
    )
  const { rows } = await session.query<BrokenLink>(brokenLinks)
  return rows.map(({ source, target, isKnown }) =>
    isKnown ? `${source} cannot connect to ${target}` : `${source} cannot tell whether it reaches ${target}`,
  )
}

const brokenLinks = `
  SELECT from_nodename || ':' || from_nodeport AS source, to_nodename || ':' || to_nodeport AS target,
    result IS NOT NULL AS "isKnown"
  FROM citus_check_cluster_node_health() WHERE result IS NOT TRUE ORDER BY 1, 2`

/** Returns what prevents rows from being copied between servers while requests go on. */
export function findCopyObstacles({ nodes }: Cluster): string[] {
  return nodes.flatMap(({ name, settings }) => {
    if (settings === null) return []
    const limits = timeLimitNames.filter((limit) => !unlimited.includes(settings[limit]))
    return [
      ...(settings.wal_level === 'logical'
        ? []
        : [`${name} has wal_level ${settings.wal_level}: set it to logical, and restart it`]),
      ...limits.map(
        (limit) =>
          `${name} has ${limit} ${settings[limit]}, which would end the copying: reset it for this role`,
      ),
    ]
  })
}

/** Returns what prevents Citus from decoding the changes of a table on the coordinator (logical decoding), which it sends to the shards. */
export function findDecoderObstacles({ nodes }: Cluster): string[] {
  const plugins = nodes.find(({ role }) => role === 'coordinator')?.settings?.output_plugin_libraries
  if (plugins === undefined || /\bcitus\b/.test(plugins)) return []
  return [
    'the coordinator does not let Citus decode its log: add citus to output_plugin_libraries, and reload it',
  ]
}

/** Returns what prevents a table from being distributed. */
export async function findTableObstacles(
  { name, column, triggers }: DistributedTable,
  session: pg.ClientBase,
): Promise<string[]> {
  const { rows } = await session.query<{ obstacle: string }>(tableObstacles, [
    name,
    column,
    Object.keys(triggers),
  ])
  return rows.map(({ obstacle }) => obstacle)
}

const tableObstacles = `
  SELECT format('the trigger %s of %s is not Latchkey''s: Citus distributes no table that has triggers', tgname, $1::text) AS obstacle
  FROM pg_trigger WHERE tgrelid = $1::text::regclass AND NOT tgisinternal AND tgname <> ALL ($3::text[])
  UNION ALL
  SELECT format('the foreign key %s: drop it, since one end of it would be on other servers', conname)
  FROM pg_constraint WHERE contype = 'f' AND $1::text::regclass IN (conrelid, confrelid)
  UNION ALL
  SELECT format('the index %s lacks %s: a key of a distributed table must contain it', indexrelid::regclass, $2::text)
  FROM pg_index WHERE indrelid = $1::text::regclass AND indisunique AND NOT EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = indrelid AND attname = $2::text AND attnum = ANY (indkey))
  UNION ALL
  SELECT format('%s has no replica identity: ALTER TABLE %1$s REPLICA IDENTITY DEFAULT', $1::text)
  FROM pg_class WHERE oid = $1::text::regclass AND relreplident = 'n'
  UNION ALL
  SELECT format('%s belongs to %s, and only that role can distribute it', $1::text, pg_get_userbyid(relowner))
  FROM pg_class WHERE oid = $1::text::regclass AND NOT pg_has_role(relowner, 'USAGE')
  UNION ALL
  SELECT 'citus.shard_replication_factor is ' || factor || ': only 1 can be distributed while requests go on'
  FROM current_setting('citus.shard_replication_factor', true) AS factor WHERE factor <> '1'`

/** Returns the kinds of servers that the cluster lacks for a distribution. */
export function findMissingNodes({ nodes }: Cluster): string[] {
  const hasCoordinator = nodes.some(({ role }) => role === 'coordinator')
  const hasWorkers = nodes.some(({ active, receives }) => active && receives)
  return [
    ...(hasCoordinator
      ? []
      : ["the cluster does not know its coordinator: SELECT citus_set_coordinator_host('HOST')"]),
    ...(hasWorkers ? [] : ["the cluster has no workers: SELECT citus_add_node('HOST', 5432) for each"]),
  ]
}
