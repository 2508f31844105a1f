import { alertsIn, deployment, ours } from './rule.js'

/**
 * Alerts about the database and the change feed.
 *
 * @param {import('./rule.js').Surroundings} surroundings
 */
export function databaseAlerts(surroundings) {
  const alert = alertsIn(surroundings)
  const { time } = surroundings
  return [
    alert({
      name: 'LatchkeyDatabaseUnavailable',
      severity: 'critical',
      expr: `sum by (${deployment}) (increase(latchkey_database_failures_total{kind="outage"}[${time('2m')}])) > 0`,
      hold: '3m',
      summary: '{{ $labels.job }}: the database cannot be reached',
      description:
        'Attempts of the last 2 minutes to reach the database that failed: {{ printf "%.0f" $value }}.',
    }),
    alert({
      name: 'LatchkeyDatabaseNodeUnavailable',
      severity: 'critical',
      expr: `sum by (${deployment}) (increase(latchkey_database_failures_total{kind="node"}[${time('2m')}])) > 0`,
      hold: '3m',
      summary: '{{ $labels.job }}: a server of the cluster cannot be reached',
      description:
        'Attempts of the last 2 minutes to reach a server of the cluster that failed: {{ printf "%.0f" $value }}. The items on it are unavailable.',
    }),
    alert({
      name: 'LatchkeyPoolExhausted',
      severity: 'warning',
      expr: `avg_over_time(db_client_connection_pending_requests{${ours}}[${time('5m')}]) > 1`,
      hold: '5m',
      summary: '{{ $labels.instance }}: statements wait for a connection',
      description:
        'Statements that wait for a connection of the pool "{{ $labels.db_client_connection_pool_name }}": {{ $value | humanize }} on average.',
    }),
    alert({
      name: 'LatchkeyStatementsSlow',
      severity: 'warning',
      expr: `histogram_quantile(0.99, sum by (${deployment}, le) (rate(db_client_operation_duration_seconds_bucket{${ours}}[${time('5m')}]))) > 0.5`,
      hold: '10m',
      summary: '{{ $labels.job }}: the database is slow',
      description: 'One of a hundred statements takes longer than {{ $value | humanizeDuration }}.',
    }),
    alert({
      name: 'LatchkeyChangeFeedDisconnected',
      severity: 'critical',
      expr: `avg_over_time(latchkey_change_feed_connected[${time('5m')}]) < 0.5`,
      hold: '1m',
      summary: '{{ $labels.instance }}: the change feed is disconnected',
      description:
        'The process received changes for {{ $value | humanizePercentage }} of the last 5 minutes. Without them it reads callers from the database for each request, and serves no status list.',
    }),
    alert({
      name: 'LatchkeyReplicaUnusable',
      severity: 'warning',
      expr: `avg_over_time(latchkey_replica_usable[${time('5m')}]) < 0.5`,
      hold: '5m',
      summary: '{{ $labels.instance }}: the replica is not read from',
      description:
        'The replica was usable for {{ $value | humanizePercentage }} of the last 5 minutes. It is too far behind, is no standby, or cannot be reached; the primary answers instead.',
    }),
  ]
}
