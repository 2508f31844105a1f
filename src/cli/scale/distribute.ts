import type { Command } from 'commander'
import pg from 'pg'
import type { Cluster, TableState } from '../../database/citus/cluster.js'
import {
  findClusterObstacles,
  findCopyObstacles,
  findDecoderObstacles,
  findMissingNodes,
  findTableObstacles,
} from '../../database/citus/obstacles.js'
import { distributeTable } from '../../database/citus/operations.js'
import { type DistributedTable, findDefinitions } from '../../database/citus/tables.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { confirmAndBegin } from './confirm.js'
import { describeTable } from './describe-table.js'
import { formatBytes } from './format-bytes.js'
import { onCluster, refusal, requireNone } from './on-cluster.js'

/** `latchkey scale distribute` */
export function addDistribute(scale: Command, io: Io): void {
  scale
    .command('distribute')
    .description('distribute items over the workers while requests go on; asks first')
    .option('--shards <number>', 'number of shards, which is final', '32')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'change nothing, and say what would be done')
    .action(
      onCluster(io, async function distribute({ cluster, session }, options) {
        const isDryRun = options.dryRun === true
        const shards = readShards(options.shards)
        const remaining = cluster.tables.filter(({ state }) => state !== 'distributed')
        const tables = findDefinitions(remaining)
        if (tables.length > 0) {
          await requirePossible(cluster, tables, session)
          const plan = [...remaining.map((table) => describePlan(table, shards, cluster)), ...conditions]
          if (await confirmAndBegin(plan, session, options, io))
            for (const table of tables) await distributeAllowed(table, shards, session)
        }
        const result = { dry_run: isDryRun, tables: tables.map(({ name }) => name) }
        printResult(io, result, summaryOf(cluster, remaining, isDryRun), options.json)
      }),
    )
}

const conditions = [
  'Requests go on meanwhile; those that change items wait at the end, until the last changes are copied.',
  'Every process must run this version. Earlier versions cannot use distributed items.',
]

function describePlan({ name, bytes, state }: TableState, shards: number, { nodes }: Cluster): string {
  const targets = nodes.filter(({ active, receives }) => active && receives).map((node) => node.name)
  const verb = state === 'prepared' ? 'To be continued after an interruption:' : 'To be distributed:'
  return `${verb} ${name} (${formatBytes(bytes)}) in ${shards} shards to ${targets.join(', ')}.`
}

function summaryOf({ tables }: Cluster, remaining: TableState[], isDryRun: boolean): string[] {
  if (remaining.length === 0) return tables.map((table) => `Nothing to do: ${describeTable(table)}.`)
  return remaining.map(({ name }) => (isDryRun ? `Would distribute ${name}.` : `Distributed ${name}.`))
}

/** @throws CommandError that names every obstacle */
async function requirePossible(
  cluster: Cluster,
  tables: DistributedTable[],
  session: pg.ClientBase,
): Promise<void> {
  requireNone(cluster.tables.filter(({ state }) => state === 'other').map(describeTable))
  const obstacles = [
    ...findMissingNodes(cluster),
    ...(await findClusterObstacles(cluster, session)),
    ...findCopyObstacles(cluster),
    ...findDecoderObstacles(cluster),
  ]
  for (const table of tables) obstacles.push(...(await findTableObstacles(table, session)))
  requireNone(obstacles)
}

/** SQLSTATE of what the settings of a server or the rights of the role do not permit. */
const insufficientPrivilege = '42501'

/**
 * Distributes a table. A role that cannot read `output_plugin_libraries` learns only here that Citus may not decode the log.
 *
 * @throws CommandError if PostgreSQL does not allow it
 */
async function distributeAllowed(
  table: DistributedTable,
  shards: number,
  session: pg.ClientBase,
): Promise<void> {
  try {
    await distributeTable(table, shards, session)
  } catch (error) {
    if (!(error instanceof pg.DatabaseError) || error.code !== insufficientPrivilege) throw error
    throw refusal(...[error.message, error.hint].filter((reason) => reason !== undefined))
  }
}

function readShards(shards: unknown): number {
  if (!/^[1-9]\d{0,3}$/.test(String(shards)))
    throw new CommandError(exitStatus.usage, 'the number of shards must be an integer from 1 to 9999')
  return Number(shards)
}
