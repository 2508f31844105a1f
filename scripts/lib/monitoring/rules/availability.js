import { alertsIn, deployment } from './rule.js'

/** Share of requests that must not fail through a fault of the service. */
const objective = 0.999
/** Time over which the objective holds (days). */
const days = 30

/** What has an objective: the counter whose label `outcome` tells faults of the service from those of the caller. */
const services = [
  { what: 'logins', counter: 'latchkey_logins', alert: 'LatchkeyLoginsFailing' },
  { what: 'token requests', counter: 'latchkey_token_requests', alert: 'LatchkeyTokenRequestsFailing' },
]

/**
 * The error budget of 30 days is spent `factor` times too fast, over the long window and still over the short one. From
 * chapter 5 of The Site Reliability Workbook: these spend 2%, 5%, 10% and 10% of the budget before the alert fires.
 *
 * @type {{ factor: number, long: string, short: string, hold: string, severity: import('./rule.js').Severity }[]}
 */
const burnRates = [
  { factor: 14.4, long: '1h', short: '5m', hold: '2m', severity: 'critical' },
  { factor: 6, long: '6h', short: '30m', hold: '15m', severity: 'critical' },
  { factor: 3, long: '1d', short: '2h', hold: '1h', severity: 'warning' },
  { factor: 1, long: '3d', short: '6h', hold: '3h', severity: 'warning' },
]

/** Windows over which the share of failures is recorded. */
const windows = new Set(burnRates.flatMap(({ long, short }) => [short, long]))

/**
 * Records the share of logins and of token requests that failed through a fault of the service.
 *
 * @param {import('./rule.js').Surroundings} surroundings
 */
export function availabilityRecords({ time }) {
  return services.flatMap(({ counter }) =>
    [...windows].map((window) => ({
      record: errorRatio(counter, window),
      expr: `sum by (${deployment}) (rate(${counter}_total{outcome=~"unavailable|error"}[${time(window)}]))
/
sum by (${deployment}) (rate(${counter}_total{outcome!="aborted"}[${time(window)}]))`,
    })),
  )
}

/**
 * Alerts when the error budget of logins or of token requests is spent too fast.
 *
 * @param {import('./rule.js').Surroundings} surroundings
 */
export function availabilityAlerts(surroundings) {
  const alert = alertsIn(surroundings)
  return services.flatMap(({ what, counter, alert: name }) =>
    burnRates.map(({ factor, long, short, hold, severity }) => {
      const limit = toPrecision(factor * (1 - objective))
      return alert({
        name,
        severity,
        labels: { long_window: long, short_window: short },
        expr: `${errorRatio(counter, long)} > ${limit}\nand\n${errorRatio(counter, short)} > ${limit}`,
        hold,
        summary: `{{ $labels.job }}: ${what} fail`,
        description: `{{ $value | humanizePercentage }} of the ${what} of the last ${long} failed through a fault of the service. At this rate, the failures that are allowed in ${days} days are used up in ${Math.round(days / factor)}.`,
      })
    }),
  )
}

/**
 * @param {string} counter
 * @param {string} window
 */
function errorRatio(counter, window) {
  return `namespace_job:${counter}:error_ratio_rate${window}`
}

/**
 * Returns the number without the rounding errors of binary fractions.
 *
 * @param {number} number
 */
function toPrecision(number) {
  return Number(number.toPrecision(6))
}
