/**
 * What the rules depend on besides the metrics.
 *
 * @typedef {object} Surroundings
 * @property {import('../duration.js').Scale} time gives each duration
 * @property {string} runbooks URL of the page that says what to do about each alert
 */

/**
 * How soon somebody must look: at once, or during working hours.
 *
 * @typedef {'critical' | 'warning'} Severity
 */

/**
 * An alert, as the files of rules declare it.
 *
 * @typedef {object} Declaration
 * @property {string} name
 * @property {Severity} severity
 * @property {string} expr
 * @property {string} [hold] time for which the expression must hold before the alert fires
 * @property {string} summary one line, in which Prometheus replaces what is in braces
 * @property {string} description what was measured, and what it means
 * @property {Record<string, string>} [labels] further labels
 */

/**
 * Rules, as Prometheus reads them.
 *
 * @typedef {{ record: string, expr: string }} RecordingRule
 * @typedef {{
 *   alert: string
 *   expr: string
 *   for?: string
 *   labels: Record<string, string>
 *   annotations: { summary: string, description: string, runbook_url: string }
 * }} AlertingRule
 */

/** Matcher of the jobs that scrape Latchkey, for metrics that other programs have as well. */
export const ours = 'job=~".*latchkey.*"'

/** Labels that tell one deployment from another. Outside of Kubernetes there is no namespace. */
export const deployment = 'namespace, job'

/**
 * Returns a function that completes declarations of alerts.
 *
 * @param {Surroundings} surroundings
 * @returns {(declaration: Declaration) => AlertingRule}
 */
export function alertsIn({ time, runbooks }) {
  return ({ name, severity, expr, hold, summary, description, labels }) => ({
    alert: name,
    expr,
    ...(hold && { for: time(hold) }),
    labels: { severity, ...labels },
    annotations: { summary, description, runbook_url: `${runbooks}#${name.toLowerCase()}` },
  })
}
