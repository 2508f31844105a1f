import type pg from 'pg'
import { type Config, loadConfig } from '../../config/index.js'
import { type Cluster, oldestCitus, readCluster } from '../../database/citus/cluster.js'
import { limitLookups } from '../../database/citus/operations.js'
import { withOperatorSession } from '../../database/operator-session.js'
import { requireOwnSession } from '../../database/pooler.js'
import { CommandError, exitStatus } from '../command-error.js'
import type { Io } from '../io.js'
import { escapeLine } from '../output.js'
import { type Options, onServer, requireMigrations } from '../run.js'

/** Context of a command that works on a cluster. */
export interface ClusterContext {
  cluster: Cluster
  /** Session on the coordinator. */
  session: pg.Client
}

/** Returns the action of a command that works on a Citus cluster, and refuses to run on anything else. */
export function onCluster(io: Io, action: (context: ClusterContext, options: Options) => Promise<void>) {
  const run = onServer(io, async function runOnCluster({ url }, _args, options) {
    await withOperatorSession(url, async function runInSession(session) {
      await requireOwnSession(session)
      session.on('notice', ({ message }) => io.stderr.write(`${escapeLine(String(message))}\n`))
      await limitLookups(session)
      const cluster = requireCluster(await readCluster(session))
      await requireMigrations(url)
      await action({ cluster, session }, options)
    })
  })
  return async function runUnlessEmbedded(...given: unknown[]): Promise<void> {
    requireServer(loadConfig(io.env))
    await run(...given)
  }
}

/** Returns the error of a command that is refused for reasons that the operator can remove. */
export function refusal(...reasons: string[]): CommandError {
  return new CommandError(exitStatus.refused, reasons.join('; '))
}

/** @throws CommandError that names every obstacle, if there is one */
export function requireNone(obstacles: string[]): void {
  if (obstacles.length > 0) throw refusal(...obstacles)
}

function requireServer({ databaseUrl, databaseDirectUrl }: Config): void {
  if (databaseUrl === undefined && databaseDirectUrl === undefined)
    throw refusal(
      'the embedded PostgreSQL is one server: DATABASE_URL must name the coordinator of a cluster',
    )
}

function requireCluster(cluster: Cluster | null): Cluster {
  if (cluster === null)
    throw refusal(
      'the database has no Citus: CREATE EXTENSION citus, here and in the same database of each worker',
    )
  if (!cluster.isCoordinator) throw refusal('the database is that of a worker: use that of the coordinator')
  if (Number.parseInt(cluster.version, 10) < oldestCitus)
    throw refusal(`Citus is version ${cluster.version}: ${oldestCitus} or later is required`)
  return cluster
}
