import type { Test } from 'tap'
import { query } from '../database/query.js'
import { createDatabase, dropDatabase } from './server.js'

/** URL of a database on the coordinator of a Citus cluster that has its workers; undefined without one. See CONTRIBUTING.md. */
export const citusUrl = process.env.TEST_CITUS_URL

/** Number of shards: few, as each database of a test creates them. */
const shards = 8

/** How databases are copied. Copying files makes a server write everything to its disk, as it runs with `fsync = on`. */
const strategy = 'WAL_LOG'

/** A server of the cluster. */
export interface ClusterNode {
  host: string
  port: number
}

/** The coordinator and the workers. */
type Nodes = [coordinator: ClusterNode, ...workers: ClusterNode[]]

/** Returns the nodes of the cluster. */
export async function listNodes(url = String(citusUrl)): Promise<Nodes> {
  const nodes = await query(
    url,
    'SELECT nodename AS host, nodeport AS port FROM pg_dist_node ORDER BY groupid',
  )
  return nodes as Nodes
}

/** Creates a database with Citus and the nodes of the cluster for this test. Returns its URL on the coordinator. */
export async function newClusterDatabase(t: Test): Promise<string> {
  const url = await createDatabase(String(citusUrl), undefined, { strategy })
  t.teardown(() => dropDatabase(url))
  const copies = await joinCluster(url)
  t.teardown(() => Promise.all(copies.map(dropDatabase)))
  return url
}

/** Makes a database the coordinator's. Returns the URLs of its counterparts on the workers. */
async function joinCluster(url: string): Promise<string[]> {
  const [coordinator, ...workers] = await listNodes()
  const name = nameOf(url)
  const copies: string[] = []
  for (const worker of workers)
    copies.push(await createDatabase(urlOn(worker), undefined, { name, strategy }))
  for (const node of [url, ...copies]) await query(node, 'CREATE EXTENSION citus')
  await query(url, 'SELECT citus_set_coordinator_host($1, $2)', [coordinator.host, coordinator.port])
  for (const { host, port } of workers) await query(url, 'SELECT citus_add_node($1, $2)', [host, port])
  return copies
}

/**
 * Divides the items of a migrated database by owner, as `latchkey scale distribute` does, but in a fraction of the time, since
 * nobody uses it. Tests may add triggers, which Citus then adds to the shards. Returns the URLs of its counterparts on the workers.
 */
export async function distributeOverCluster(url: string): Promise<string[]> {
  const copies = await joinCluster(url)
  await query(url, 'DROP TRIGGER IF EXISTS items_require_owner ON items')
  await query(url, 'DROP TRIGGER IF EXISTS items_touch ON items')
  await query(url, `ALTER DATABASE ${nameOf(url)} SET citus.enable_unsafe_triggers = on`)
  await query(url, `SELECT create_distributed_table('items', 'owner_id', shard_count => ${shards})`)
  return copies
}

function urlOn({ host, port }: ClusterNode): string {
  const url = new URL(String(citusUrl))
  url.hostname = host
  url.port = String(port)
  return url.href
}

function nameOf(url: string): string {
  return new URL(url).pathname.slice(1)
}
