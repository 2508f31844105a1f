import { alertsIn, deployment, ours } from './rule.js'

/**
 * Alerts about the processes and what they run out of.
 *
 * @param {import('./rule.js').Surroundings} surroundings
 */
export function processAlerts(surroundings) {
  const alert = alertsIn(surroundings)
  const { time } = surroundings
  return [
    alert({
      name: 'LatchkeyAbsent',
      severity: 'critical',
      expr: `absent(up{${ours}} == 1)`,
      hold: '2m',
      summary: 'No process of Latchkey is there',
      description: 'Prometheus reaches no process of any job whose name contains "latchkey".',
    }),
    alert({
      name: 'LatchkeyDown',
      severity: 'warning',
      expr: `up{${ours}} == 0`,
      hold: '2m',
      summary: '{{ $labels.instance }}: the process cannot be reached',
      description: 'Prometheus cannot read the metrics of the process.',
    }),
    alert({
      name: 'LatchkeyRestarting',
      severity: 'warning',
      expr: `changes(process_start_time_seconds{${ours}}[${time('30m')}]) > 2`,
      summary: '{{ $labels.instance }}: the process starts again and again',
      description: 'Starts of the process within the last 30 minutes: {{ $value }}.',
    }),
    alert({
      name: 'LatchkeyVersionsMixed',
      severity: 'warning',
      expr: `count by (${deployment}) (count by (${deployment}, version) (latchkey_build_info)) > 1`,
      hold: '1h',
      summary: '{{ $labels.job }}: an update has stopped half-way',
      description: 'Versions that run beside each other: {{ $value }}.',
    }),
    alert({
      name: 'LatchkeyEventLoopBlocked',
      severity: 'warning',
      expr: `avg_over_time(nodejs_eventloop_delay_p99_seconds{${ours}}[${time('5m')}]) > 0.1`,
      hold: '5m',
      summary: '{{ $labels.instance }}: the event loop is blocked',
      description: 'Whatever the process does waits at times for {{ $value | humanizeDuration }}.',
    }),
    alert({
      name: 'LatchkeyHeapNearlyFull',
      severity: 'warning',
      expr: `v8js_memory_heap_used_bytes{${ours}} / v8js_memory_heap_limit_bytes{${ours}} > 0.9`,
      hold: '10m',
      summary: '{{ $labels.instance }}: the heap is nearly full',
      description:
        '{{ $value | humanizePercentage }} of the maximum size of the JavaScript heap is in use. The process ends when it is full.',
    }),
    alert({
      name: 'LatchkeyFilesNearlyExhausted',
      severity: 'warning',
      expr: `process_open_fds{${ours}} / process_max_fds{${ours}} > 0.8`,
      hold: '5m',
      summary: '{{ $labels.instance }}: few file descriptors are left',
      description:
        '{{ $value | humanizePercentage }} of the file descriptors are open. Without one, no connection is accepted.',
    }),
  ]
}
