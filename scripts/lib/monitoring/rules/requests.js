import { alertsIn, deployment, ours } from './rule.js'

/**
 * Alerts about requests that fail, are refused or are slow.
 *
 * @param {import('./rule.js').Surroundings} surroundings
 */
export function requestAlerts(surroundings) {
  const alert = alertsIn(surroundings)
  const { time } = surroundings
  return [
    alert({
      name: 'LatchkeyInternalErrors',
      severity: 'warning',
      expr: `sum by (${deployment}) (increase(latchkey_error_responses_total{code="internal_error"}[${time('15m')}])) > 0`,
      summary: '{{ $labels.job }}: requests are answered with 500',
      description:
        'Requests of the last 15 minutes that were answered with 500: {{ printf "%.0f" $value }}. Each is a defect.',
    }),
    alert({
      name: 'LatchkeySlow',
      severity: 'warning',
      expr: `histogram_quantile(0.99, sum by (${deployment}, le) (rate(http_server_request_duration_seconds_bucket{${ours}}[${time('5m')}]))) > 1`,
      hold: '10m',
      summary: '{{ $labels.job }}: requests are slow',
      description: 'One of a hundred requests takes longer than {{ $value | humanizeDuration }}.',
    }),
    alert({
      name: 'LatchkeyShedding',
      severity: 'warning',
      expr: `sum by (${deployment}, reason) (rate(latchkey_hashing_rejected_total[${time('5m')}])) > 0`,
      hold: '5m',
      summary: '{{ $labels.job }}: more passwords than can be hashed',
      description:
        'Requests with a password that are answered with 503 ({{ $labels.reason }}): {{ $value | humanize }} per second.',
    }),
    alert({
      name: 'LatchkeyConnectionsDropped',
      severity: 'warning',
      expr: `rate(latchkey_connections_dropped_total[${time('5m')}]) > 0`,
      hold: '5m',
      summary: '{{ $labels.instance }}: connections are refused',
      description:
        'Connections that are closed at once, because MAX_CONNECTIONS are open: {{ $value | humanize }} per second.',
    }),
    alert({
      name: 'LatchkeyStatusListsUnavailable',
      severity: 'critical',
      expr: `sum by (${deployment}) (rate(latchkey_unavailable_responses_total{reason="status_list"}[${time('5m')}])) > 0`,
      hold: '5m',
      summary: '{{ $labels.job }}: status lists are unavailable',
      description:
        'Requests for status lists that are answered with 503: {{ $value | humanize }} per second. Services that check tokens with them refuse every token once their copy has expired.',
    }),
  ]
}
