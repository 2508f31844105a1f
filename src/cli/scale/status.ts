import type { Command } from 'commander'
import type { Cluster, ClusterNode, Rebalance } from '../../database/citus/cluster.js'
import { findRefusals } from '../../database/citus/obstacles.js'
import type { Io } from '../io.js'
import { printJson, printRows } from '../output.js'
import { describeTable } from './describe-table.js'
import { formatBytes } from './format-bytes.js'
import { onCluster } from './on-cluster.js'

const columns = ['node', 'role', 'active', 'answers', 'shards', 'bytes']

/** `latchkey scale status` */
export function addScaleStatus(scale: Command, io: Io): void {
  scale
    .command('status')
    .description('show the servers of the cluster, whether they answer, and what is on each')
    .action(
      onCluster(io, async function showStatus({ cluster }, { json }) {
        if (json) printJson(io.stdout, toJson(cluster))
        else printStatus(cluster, io)
      }),
    )
}

function printStatus(cluster: Cluster, io: Io): void {
  const { version, nodes, tables, rebalance, leftovers } = cluster
  io.stdout.write(`Citus ${version}\n`)
  printRows(
    io,
    nodes.map((node) => ({ ...toRow(node), bytes: node.bytes === null ? null : formatBytes(node.bytes) })),
    columns,
    false,
  )
  for (const line of [
    ...findRefusals(cluster).map((refusal) => `${refusal}.`),
    ...tables.map((table) => `${describeTable(table)}.`),
    describeRebalance(rebalance),
    ...(leftovers === 0
      ? []
      : [`Leftovers of a distribution or of moves: ${leftovers}. Citus removes them within minutes.`]),
  ])
    io.stdout.write(`${line}\n`)
}

function toRow({ name, role, active, answers, error, shards, bytes }: ClusterNode) {
  return { node: name, role, active, answers, error, shards, bytes }
}

function describeRebalance(rebalance: Rebalance | null): string {
  if (rebalance === null) return 'There has been no rebalance.'
  const moves = Object.entries(rebalance.moves).map(([state, count]) => `${count} ${state}`)
  const problem = rebalance.problem === null ? '' : `: ${rebalance.problem}`
  return `Rebalance ${rebalance.job} is ${rebalance.state} (moves: ${moves.join(', ') || 'none'})${problem}.`
}

function toJson({ version, nodes, tables, rebalance, leftovers }: Cluster): object {
  return {
    citus: version,
    nodes: nodes.map(toRow),
    tables: tables.map(({ name, state, shards, bytes }) => ({ table: name, state, shards, bytes })),
    rebalance: rebalance && {
      job: rebalance.job,
      state: rebalance.state,
      started_at: rebalance.startedAt?.toISOString() ?? null,
      moves: rebalance.moves,
      problem: rebalance.problem,
    },
    leftovers,
  }
}
