import { promisify } from 'node:util'
import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import type pg from 'pg'
import { pools, type statementErrors, statementOperations, tables } from '../metrics/catalogue/database.js'
import { connectTimeoutMessage, isDatabaseUnavailable, isTimeout, sqlStateOf } from './errors.js'
import type { Executed } from './statement-log.js'
import { summarize } from './statement-summary.js'

/** SQLSTATEs of transactions that lost against a concurrent one: serialization failures and deadlocks. */
const conflictStates = new Set(['40001', '40P01'])

/** Observes statements and pools. */
export const databaseMetrics = plugin(observeDatabase, {
  name: 'database-metrics',
  dependencies: ['metrics', 'database'],
})

async function observeDatabase({ database, metrics }: FastifyInstance): Promise<void> {
  database.statements.listener = function recordStatement({ text, seconds, error }: Executed) {
    const { operation, table } = summarize(text)
    metrics.statements.record(
      {
        db_operation_name: statementOperations.find((known) => known === operation) ?? '_OTHER',
        db_collection_name: table === undefined ? '' : (tables.find((known) => known === table) ?? '_OTHER'),
        error_type: error ? kindOf(error) : '',
      },
      seconds,
    )
  }
  for (const name of pools) {
    const pool = database.pools[name]
    if (pool) observePool(name, pool)
  }

  function observePool(name: (typeof pools)[number], pool: pg.Pool): void {
    const ofPool = { db_client_connection_pool_name: name }
    const { poolConnections, poolMax, poolWaiting } = metrics
    poolConnections.observe({ ...ofPool, db_client_connection_state: 'idle' }, () => pool.idleCount)
    poolConnections.observe(
      { ...ofPool, db_client_connection_state: 'used' },
      () => pool.totalCount - pool.idleCount,
    )
    poolMax.observe(ofPool, () => pool.options.max)
    poolWaiting.observe(ofPool, () => pool.waitingCount)
    onConnectTimeout(pool, () => metrics.poolTimeouts.add(ofPool))
  }
}

type ConnectCallback = (error: Error | undefined, ...rest: unknown[]) => void

/** Reports each wait for a connection that took too long. */
function onConnectTimeout(pool: pg.Pool, report: () => void): void {
  const connect = pool.connect.bind(pool) as (callback: ConnectCallback) => void

  function connectReported(callback: ConnectCallback): void {
    connect(function connected(error, ...rest) {
      if (error?.message === connectTimeoutMessage) report()
      callback(error, ...rest)
    })
  }

  Object.assign(pool, {
    connect: (callback?: ConnectCallback) =>
      callback ? connectReported(callback) : promisify(connectReported)(),
  })
}

function kindOf(error: Error): (typeof statementErrors)[number] {
  if (conflictStates.has(String(sqlStateOf(error)))) return 'conflict'
  if (isTimeout(error)) return 'timeout'
  return isDatabaseUnavailable(error) ? 'unavailable' : '_OTHER'
}
