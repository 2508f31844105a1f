import { plots } from './layout.js'
import { timeSeries } from './panels.js'
import { quantile, rate, select, sum } from './query.js'

const statements = 'db_client_operation_duration_seconds'
const pool = 'db_client_connection_pool_name'
const state = 'db_client_connection_state'

export const database = {
  title: 'Database',
  panels: plots(
    timeSeries({
      title: 'Statements',
      description: 'Statements by their first word.',
      unit: 'ops',
      stacked: true,
      queries: { '{{db_operation_name}}': rate(`${statements}_count`, ['db_operation_name']) },
    }),
    timeSeries({
      title: 'Duration of statements',
      description:
        '99th percentile of the duration of statements by their first word, without the wait for a connection.',
      unit: 's',
      queries: { '{{db_operation_name}}': quantile(0.99, statements, ['db_operation_name']) },
    }),
    timeSeries({
      title: 'Time by table',
      description: 'Time that statements take in each second: the ten tables with most of it.',
      unit: 's',
      queries: {
        '{{db_operation_name}} {{db_collection_name}}': `topk(10, ${rate(`${statements}_sum`, ['db_operation_name', 'db_collection_name'])})`,
      },
    }),
    timeSeries({
      title: 'Failed statements',
      description:
        'Statements that failed, by the reason. Conflicts are normal: such transactions run again.',
      unit: 'ops',
      queries: { '{{error_type}}': rate(`${statements}_count`, ['error_type'], 'error_type!=""') },
    }),
    timeSeries({
      title: 'Connections of the pools',
      description:
        'Connections in use and idle, and how many there are at most (DATABASE_POOL_SIZE), of all processes.',
      unit: 'none',
      queries: {
        [`{{${pool}}} {{${state}}}`]: sum('db_client_connection_count', [pool, state]),
        [`{{${pool}}} maximum`]: sum('db_client_connection_max', [pool]),
      },
    }),
    timeSeries({
      title: 'Waiting for a connection',
      description: 'Statements and transactions that wait for a connection of the pool. It is zero normally.',
      unit: 'none',
      queries: { [`{{${pool}}}`]: sum('db_client_connection_pending_requests', [pool]) },
      thresholds: { green: null, red: 1 },
    }),
    timeSeries({
      title: 'Failures',
      description:
        'Failures because the database or a server of its cluster is down, and waits for a connection that took too long.',
      unit: 'ops',
      queries: {
        '{{kind}}': rate('latchkey_database_failures_total', ['kind']),
        [`timeouts of {{${pool}}}`]: rate('db_client_connection_timeouts_total', [pool]),
      },
    }),
    timeSeries({
      title: 'Change feed: age',
      description:
        'Time since the sending of the last heartbeat that came back. Above two seconds, the process reads callers from the database.',
      unit: 's',
      queries: { '{{instance}}': select('latchkey_change_feed_heartbeat_age_seconds') },
      thresholds: { green: null, red: 2 },
    }),
    timeSeries({
      title: 'Change feed: connections',
      description: 'Processes that receive changes, and lost connections in each minute.',
      unit: 'none',
      queries: {
        connected: sum('latchkey_change_feed_connected'),
        'lost (a minute)': `60 * ${rate('latchkey_change_feed_losses_total')}`,
      },
    }),
    timeSeries({
      title: 'Change feed: changes',
      description: 'Changes of users, clients, tokens and keys that all processes received.',
      unit: 'ops',
      queries: { changes: rate('latchkey_change_feed_changes_total') },
    }),
    timeSeries({
      title: 'Replica: lag',
      description:
        'Upper bound of the lag of the replica, as each process sees it. Only with DATABASE_REPLICA_URL.',
      unit: 's',
      queries: { '{{instance}}': select('latchkey_replica_lag_seconds') },
    }),
    timeSeries({
      title: 'Replica: reads',
      description:
        'Reads that a replica may answer, by the server that was asked, and processes that can use the replica.',
      unit: 'none',
      queries: {
        '{{server}} (a second)': rate('latchkey_replica_reads_total', ['server']),
        processes: sum('latchkey_replica_usable'),
      },
    }),
    timeSeries({
      title: 'Removed rows',
      description: 'Expired rows that were removed, by table.',
      unit: 'ops',
      queries: { '{{table}}': `${rate('latchkey_removed_rows_total', ['table'])} > 0` },
    }),
  ),
}
