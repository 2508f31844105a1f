import type { Command } from 'commander'
import type { Cluster, TableState } from '../../database/citus/cluster.js'
import { findClusterObstacles } from '../../database/citus/obstacles.js'
import { undistributeTable } from '../../database/citus/operations.js'
import { findDefinitions } from '../../database/citus/tables.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import { confirmAndBegin } from './confirm.js'
import { describeTable } from './describe-table.js'
import { formatBytes } from './format-bytes.js'
import { onCluster, requireNone } from './on-cluster.js'

/** `latchkey scale undistribute` */
export function addUndistribute(scale: Command, io: Io): void {
  scale
    .command('undistribute')
    .description('bring items back to the coordinator, while requests for them wait; asks first')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'change nothing, and say what would be done')
    .action(
      onCluster(io, async function undistribute({ cluster, session }, options) {
        const isDryRun = options.dryRun === true
        const notLocal = cluster.tables.filter(({ state }) => state !== 'local')
        const tables = findDefinitions(notLocal)
        if (tables.length > 0) {
          const other = notLocal.filter(({ state }) => state === 'other').map(describeTable)
          requireNone([...other, ...(await findClusterObstacles(cluster, session))])
          if (await confirmAndBegin([...notLocal.map(describePlan), ...conditions], session, options, io))
            for (const table of tables) await undistributeTable(table, session)
        }
        const result = { dry_run: isDryRun, tables: tables.map(({ name }) => name) }
        printResult(io, result, summaryOf(cluster, notLocal, isDryRun), options.json)
      }),
    )
}

const conditions = [
  'All requests for these rows wait until they are copied; those that wait too long get 503. Citus cannot do this while requests go on.',
  'The coordinator must have room for them. If the command is interrupted, they stay where they are.',
]

function describePlan({ name, bytes, shards }: TableState): string {
  return `To be brought back: ${name} (${formatBytes(bytes)} in ${shards} shards) to the coordinator.`
}

function summaryOf({ tables }: Cluster, notLocal: TableState[], isDryRun: boolean): string[] {
  if (notLocal.length === 0) return tables.map((table) => `Nothing to do: ${describeTable(table)}.`)
  return notLocal.map(({ name }) => `${isDryRun ? 'Would bring back' : 'Brought back'} ${name}.`)
}
