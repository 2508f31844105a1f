import { alertsIn, deployment } from './rule.js'

/**
 * Alerts about work that no request waits for.
 *
 * @param {import('./rule.js').Surroundings} surroundings
 */
export function workAlerts(surroundings) {
  const alert = alertsIn(surroundings)
  const { time } = surroundings
  const mails = (/** @type {string} */ outcomes) =>
    `sum by (${deployment}) (increase(latchkey_mails_total{outcome=~"${outcomes}"}[${time('30m')}]))`
  const backlog = (/** @type {string} */ gauge) => `max by (${deployment}) (${gauge})`
  return [
    alert({
      name: 'LatchkeyTaskStalled',
      severity: 'warning',
      expr: 'time() - latchkey_task_last_success_timestamp_seconds > 600',
      hold: '5m',
      summary: '{{ $labels.instance }}: {{ $labels.task }} does not succeed',
      description:
        'The periodic task "{{ $labels.task }}" last succeeded {{ $value | humanizeDuration }} ago. It runs every minute.',
    }),
    alert({
      name: 'LatchkeyWorkDropped',
      severity: 'warning',
      expr: `increase(latchkey_background_tasks_total{outcome="dropped"}[${time('15m')}]) > 0`,
      summary: '{{ $labels.instance }}: work after responses is dropped',
      description:
        'Tasks after responses that were dropped within the last 15 minutes, because too many waited: {{ printf "%.0f" $value }}.',
    }),
    alert({
      name: 'LatchkeyMailFailing',
      severity: 'warning',
      expr: `${mails('failed|dropped')} > 0.5 * ${mails('sent|failed|dropped')}`,
      hold: '5m',
      summary: '{{ $labels.job }}: e-mails are not sent',
      description:
        'E-mails of the last 30 minutes that were not sent: {{ printf "%.0f" $value }}, more than half of all.',
    }),
    alert({
      name: 'LatchkeyWebhooksFailing',
      severity: 'warning',
      expr: `${backlog('latchkey_webhooks{state="failing"}')} > 0`,
      hold: '15m',
      summary: '{{ $labels.job }}: webhooks do not take their messages',
      description: 'Webhooks that have failed for 15 minutes without a success: {{ $value }}.',
    }),
    alert({
      name: 'LatchkeyWebhooksLate',
      severity: 'warning',
      expr: `${backlog('latchkey_webhook_oldest_pending_age_seconds')} > 900`,
      hold: '5m',
      summary: '{{ $labels.job }}: messages to webhooks are late',
      description: 'The oldest message that has not been delivered is {{ $value | humanizeDuration }} old.',
    }),
    alert({
      name: 'LatchkeyWebhookDeadLetters',
      severity: 'warning',
      expr: `${backlog('latchkey_webhook_messages{state="dead"}')} > 0`,
      summary: '{{ $labels.job }}: messages to webhooks could not be delivered',
      description: 'Dead letters, of which no further attempt is made: {{ $value }}.',
    }),
    alert({
      name: 'LatchkeyWebhookDisabled',
      severity: 'warning',
      expr: `${backlog('latchkey_webhooks{state="auto_disabled"}')} > 0`,
      summary: '{{ $labels.job }}: webhooks were disabled automatically',
      description:
        'Webhooks whose endpoint is gone or has failed for 5 days: {{ $value }}. They miss every event until they are enabled.',
    }),
  ]
}
