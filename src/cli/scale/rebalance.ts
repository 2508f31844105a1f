import type { Command } from 'commander'
import type pg from 'pg'
import { type Cluster, isInProgress, type Rebalance, readRebalance } from '../../database/citus/cluster.js'
import { findClusterObstacles, findCopyObstacles } from '../../database/citus/obstacles.js'
import {
  awaitRebalance,
  beginOperation,
  planRebalance,
  type RebalancePlan,
  startRebalance,
} from '../../database/citus/operations.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import { printResult } from '../output.js'
import type { Options } from '../run.js'
import { confirmAndBegin } from './confirm.js'
import { describeTable } from './describe-table.js'
import { formatBytes } from './format-bytes.js'
import { type ClusterContext, onCluster, refusal, requireNone } from './on-cluster.js'

/** `latchkey scale rebalance` */
export function addRebalance(scale: Command, io: Io): void {
  scale
    .command('rebalance')
    .description('move shards while requests go on, for example to a new worker; asks first')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'change nothing, and say what would be done')
    .action(
      onCluster(io, async function rebalance(context, options) {
        const { rebalance } = context.cluster
        if (isInProgress(rebalance)) await followRebalance(rebalance, context.session, options, io)
        else await moveShards(context, options, io)
      }),
    )
}

/** Waits for a running rebalance, such as one whose command was interrupted. */
async function followRebalance(
  { job, state, moves }: Rebalance,
  session: pg.ClientBase,
  { dryRun, json }: Options,
  io: Io,
): Promise<void> {
  if (!dryRun) {
    io.stderr.write(`Rebalance ${job} is ${state}. Waiting for its end …\n`)
    await beginOperation(session)
    await completeRebalance(session)
  }
  const line = dryRun
    ? `Would wait for rebalance ${job}, which is ${state}.`
    : `Rebalance ${job} has finished.`
  printResult(io, { dry_run: dryRun === true, job, moves: countMoves(moves) }, line, json)
}

/** Returns the number of moves of a rebalance, in whatever state they are. */
function countMoves(moves: Rebalance['moves']): number {
  return Object.values(moves).reduce((sum, count) => sum + count, 0)
}

async function moveShards({ cluster, session }: ClusterContext, options: Options, io: Io): Promise<void> {
  const isDryRun = options.dryRun === true
  await requirePossible(cluster, session)
  const plan = await planRebalance(session)
  let job: number | null = null
  if (plan.moves > 0 && (await confirmAndBegin(linesOf(plan), session, options, io))) {
    await startRebalance(session)
    job = await completeRebalance(session)
  }
  printResult(io, { dry_run: isDryRun, job, moves: plan.moves }, summaryOf(plan, isDryRun), options.json)
}

/** @throws CommandError that names every obstacle */
async function requirePossible(cluster: Cluster, session: pg.ClientBase): Promise<void> {
  const undistributed = cluster.tables.filter(({ state }) => state !== 'distributed').map(describeTable)
  if (undistributed.length > 0) throw refusal(...undistributed, 'run latchkey scale distribute first')
  requireNone([...(await findClusterObstacles(cluster, session)), ...findCopyObstacles(cluster)])
}

/** Waits until the rebalance has ended, and returns the number of its job. @throws CommandError if it has failed */
async function completeRebalance(session: pg.ClientBase): Promise<number> {
  await awaitRebalance(session)
  const { job, state, problem } = (await readRebalance(session)) as Rebalance
  if (state === 'finished') return job
  const reason = problem === null ? '' : `: ${problem}`
  throw new CommandError(
    exitStatus.failure,
    `rebalance ${job} is ${state}${reason}; what it has moved stays there, and another rebalance moves the rest`,
  )
}

function linesOf({ moves, bytes }: RebalancePlan): string[] {
  return [
    `To be moved: ${moves} shards (${formatBytes(bytes)}), of all tables of the cluster.`,
    'Requests go on meanwhile; those that change a shard wait at its end, until the last changes are copied.',
    'Citus moves them in the background, even if this command is interrupted: latchkey scale status shows the progress.',
  ]
}

function summaryOf({ moves, bytes }: RebalancePlan, isDryRun: boolean): string {
  if (moves === 0) return 'Nothing to do: the shards are balanced.'
  return `${isDryRun ? 'Would move' : 'Moved'} ${moves} shards (${formatBytes(bytes)}).`
}
