import { databaseMetrics } from './database.js'
import { httpMetrics } from './http.js'
import { passwordMetrics } from './passwords.js'
import { processMetrics } from './process.js'
import { tokenMetrics } from './tokens.js'
import { workMetrics } from './work.js'

/**
 * Every metric of the service. Those that OpenTelemetry's semantic conventions define have the names that its Prometheus
 * exporters give them, the others begin with `latchkey_`; `process_` are the names of Prometheus's own clients.
 */
export const catalogue = {
  ...httpMetrics,
  ...tokenMetrics,
  ...passwordMetrics,
  ...databaseMetrics,
  ...workMetrics,
  ...processMetrics,
}
