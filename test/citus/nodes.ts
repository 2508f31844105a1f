import { execFile } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { promisify } from 'node:util'
import { query } from '../database/query.js'
import type { ClusterNode } from '../helpers/cluster.js'

const run = promisify(execFile)

/** Folder in which `test/citus/cluster.sh` has started the cluster on this machine; undefined without one. */
export const clusterDirectory = process.env.TEST_CITUS_DIRECTORY

/** Kills all processes of a node, as a power failure would. */
export async function killNode({ port }: ClusterNode): Promise<void> {
  await run('test/citus/cluster.sh', ['kill', String(clusterDirectory), String(port)])
}

/** Starts all nodes that do not run. */
export async function restartNodes(): Promise<void> {
  await run('test/citus/cluster.sh', ['start', String(clusterDirectory)])
}

/** Returns the worker that has the items of an owner. */
export async function workerOf(url: string, ownerId: string): Promise<ClusterNode> {
  const [worker] = await query(
    url,
    `SELECT nodename AS host, nodeport AS port FROM pg_dist_shard_placement
     WHERE shardid = get_shard_id_for_distribution_column('items', $1::uuid)`,
    [ownerId],
  )
  return worker as ClusterNode
}

/** Returns the number of shards of the items on each worker, by port. */
export async function countShards(url: string): Promise<Map<number, number>> {
  const counted = await query<{ port: number; shards: number }>(
    url,
    `SELECT nodeport AS port, count(*)::int AS shards FROM pg_dist_shard_placement
     JOIN pg_dist_shard USING (shardid) WHERE logicalrelid = 'items'::regclass GROUP BY 1`,
  )
  return new Map(counted.map(({ port, shards }) => [port, shards]))
}

/** Moves a shard of the items to another worker. */
export async function moveShard(
  url: string,
  ownerId: string,
  from: ClusterNode,
  to: ClusterNode,
): Promise<void> {
  await query(
    url,
    `SELECT citus_move_shard_placement(get_shard_id_for_distribution_column('items', $1::uuid), $2, $3, $4, $5, 'force_logical')`,
    [ownerId, from.host, from.port, to.host, to.port],
  )
}

/** Describes what the tests ran on: a result of a server that does not write to its disk would prove nothing. */
export async function describeCluster(url: string): Promise<string> {
  const [found] = await query<{ version: string; fsync: string }>(
    url,
    "SELECT extversion AS version, current_setting('fsync') AS fsync FROM pg_extension WHERE extname = 'citus'",
  )
  const shards = [...(await countShards(url)).values()]
  const total = shards.reduce((sum, count) => sum + count, 0)
  return `Citus ${found?.version}, fsync = ${found?.fsync}, ${total} shards on ${shards.length} workers, ${availableParallelism()} cores for all`
}
