import type pg from 'pg'
import { type Cluster, isInProgress, oldestCitus, readCluster } from '../../database/citus/cluster.js'
import { findBrokenLinks, findRefusals } from '../../database/citus/obstacles.js'
import { limitLookups, planRebalance } from '../../database/citus/operations.js'
import { withOperatorSession } from '../../database/operator-session.js'
import { type CheckContext, type Finding, finding } from './finding.js'

/** Checks the cluster, where the database belongs to one of Citus. */
export async function checkCluster({ url }: CheckContext): Promise<Finding[]> {
  return withOperatorSession(url, async function checkInSession(session) {
    await limitLookups(session)
    const cluster = await readCluster(session)
    if (cluster === null) return []
    const { version, isCoordinator } = cluster
    const findings = [
      finding('Citus', Number.parseInt(version, 10) >= oldestCitus, {
        ok: `version ${version}`,
        fail: `version ${version}: ${oldestCitus} or later is required`,
      }),
      finding('coordinator', isCoordinator, {
        ok: 'the database is that of the coordinator',
        fail: 'the database is that of a worker: use that of the coordinator',
      }),
    ]
    if (!isCoordinator) return findings
    return [
      ...findings,
      ...(await checkServers(cluster, session)),
      ...checkTables(cluster),
      checkLeftovers(cluster),
    ]
  })
}

/** Checks that the servers answer and reach each other and, if they do reach each other, that their shards are balanced. */
async function checkServers(cluster: Cluster, session: pg.ClientBase): Promise<Finding[]> {
  const broken = await findBrokenLinks(cluster, session)
  const outage = `${broken.join(', ')}: users whose items are on an unreachable server get 503`
  const faults = [...findRefusals(cluster), ...(broken.length > 0 ? [outage] : [])]
  const links = finding('cluster', faults.length === 0, {
    ok: `its ${cluster.nodes.length} servers reach each other`,
    fail: faults.join('; '),
  })
  return broken.length > 0 ? [links] : [links, await checkBalance(cluster, session)]
}

async function checkBalance({ rebalance }: Cluster, session: pg.ClientBase): Promise<Finding> {
  if (isInProgress(rebalance))
    return { state: 'ok', check: 'balance', explanation: `rebalance ${rebalance.job} is ${rebalance.state}` }
  const { moves } = await planRebalance(session)
  return finding('balance', moves === 0, {
    ok: 'no shard should move',
    warn: `${moves} shards should move: run latchkey scale rebalance`,
  })
}

function checkTables({ tables }: Cluster): Finding[] {
  return tables.map(({ name, state, shards }) =>
    finding(name, state === 'distributed', {
      ok: `distributed in ${shards} shards`,
      warn: `not distributed by latchkey scale distribute (state: ${state})`,
    }),
  )
}

function checkLeftovers({ leftovers, rebalance }: Cluster): Finding {
  return finding('leftovers', leftovers === 0 || isInProgress(rebalance), {
    ok: 'none from a distribution or from moves of shards',
    warn: `${leftovers} shards or replication slots from a distribution or from moves: Citus removes them within minutes; if they stay, CALL citus_cleanup_orphaned_resources()`,
  })
}
