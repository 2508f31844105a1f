import { stringify } from 'yaml'
import { createDashboard } from './dashboard/index.js'
import { keep } from './duration.js'
import { createRules } from './rules/index.js'

/** The page that says what to do about each alert, as seen from the root of the repository. */
const runbooks = 'docs/alerts.md'

/**
 * Returns the generated files for Prometheus and Grafana, by their paths.
 *
 * @returns {Record<string, string>}
 */
export function createMonitoringFiles() {
  const rules = `# Generated from scripts/lib/monitoring/rules by \`npm run monitoring\`.\n${toYaml(createRules({ time: keep, runbooks }))}`
  return {
    'deploy/grafana/latchkey.json': `${JSON.stringify(createDashboard(), null, 2)}\n`,
    'deploy/helm/latchkey/files/rules.yml': rules,
    'deploy/prometheus/rules.yml': rules,
  }
}

/**
 * Returns YAML whose texts are not broken into lines.
 *
 * @param {object} value
 */
export function toYaml(value) {
  return stringify(value, { lineWidth: 0 })
}
