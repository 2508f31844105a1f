import { availabilityAlerts, availabilityRecords } from './availability.js'
import { databaseAlerts } from './database.js'
import { keyAlerts } from './keys.js'
import { processAlerts } from './processes.js'
import { requestAlerts } from './requests.js'
import { securityAlerts } from './security.js'
import { workAlerts } from './work.js'

/**
 * Returns the groups of a file of rules for Prometheus. The rules of a group are evaluated one after the other.
 *
 * @param {import('./rule.js').Surroundings} surroundings
 */
export function createRules(surroundings) {
  return {
    groups: [
      {
        name: 'latchkey-availability',
        rules: [...availabilityRecords(surroundings), ...availabilityAlerts(surroundings)],
      },
      { name: 'latchkey-requests', rules: requestAlerts(surroundings) },
      { name: 'latchkey-security', rules: securityAlerts(surroundings) },
      { name: 'latchkey-database', rules: databaseAlerts(surroundings) },
      { name: 'latchkey-keys', rules: keyAlerts(surroundings) },
      { name: 'latchkey-processes', rules: processAlerts(surroundings) },
      { name: 'latchkey-work', rules: workAlerts(surroundings) },
    ],
  }
}
