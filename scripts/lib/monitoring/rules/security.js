import { alertsIn, deployment } from './rule.js'

/**
 * Alerts about what attackers do.
 *
 * @param {import('./rule.js').Surroundings} surroundings
 */
export function securityAlerts(surroundings) {
  const alert = alertsIn(surroundings)
  const { time } = surroundings
  const logins = (/** @type {string} */ outcomes) =>
    `sum by (${deployment}) (rate(latchkey_logins_total{outcome=~"${outcomes}"}[${time('10m')}]))`
  const reused = `sum by (${deployment}) (increase(latchkey_refreshes_total{outcome="reused"}[${time('10m')}]))`
  const refreshes = `sum by (${deployment}) (increase(latchkey_refreshes_total[${time('10m')}]))`
  return [
    alert({
      name: 'LatchkeyPasswordsGuessed',
      severity: 'warning',
      expr: `${logins('wrong_password|throttled')} > 0.1
and
${logins('wrong_password|throttled')} > 5 * ${logins('ok')}`,
      hold: '5m',
      summary: '{{ $labels.job }}: passwords are being guessed',
      description:
        'Logins that fail because of wrong passwords: {{ $value | humanize }} per second, more than five times as many as succeed.',
    }),
    alert({
      name: 'LatchkeyRefreshTokensReused',
      severity: 'warning',
      expr: `${reused} > 5\nand\n${reused} > 0.01 * ${refreshes}`,
      summary: '{{ $labels.job }}: old refresh tokens are presented again',
      description:
        'Refresh tokens of the last 10 minutes that had been used before: {{ printf "%.0f" $value }}. Their logins were ended, as the tokens may be stolen.',
    }),
  ]
}
