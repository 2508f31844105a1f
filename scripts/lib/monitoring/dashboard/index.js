import { database } from './database.js'
import { keys } from './keys.js'
import { layOut } from './layout.js'
import { logins } from './logins.js'
import { overview } from './overview.js'
import { datasource } from './panels.js'
import { processes } from './processes.js'
import { tokens } from './tokens.js'
import { webhooks } from './webhooks.js'

/** Version of the format: that of Grafana 11, which later versions read. */
const schemaVersion = 39

/** Choice of a data source. The queries are those of Prometheus, which compatible stores answer as well. */
const datasourceVariable = {
  type: 'datasource',
  name: 'datasource',
  label: 'Data source',
  query: 'prometheus',
  refresh: 1,
}

/** Returns the dashboard for Grafana. */
export function createDashboard() {
  return {
    uid: 'latchkey',
    title: 'Latchkey',
    description:
      'Logins, tokens, database and keys of Latchkey. docs/alerts.md says what to do about alerts.',
    tags: ['latchkey'],
    schemaVersion,
    editable: true,
    graphTooltip: 1,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    timezone: 'browser',
    templating: {
      list: [
        datasourceVariable,
        valuesOf('job', 'Job', 'latchkey_build_info'),
        valuesOf('instance', 'Instance', 'latchkey_build_info{job=~"$job"}'),
      ],
    },
    panels: layOut([overview, logins, tokens, database, keys, webhooks, processes]),
  }
}

/**
 * Returns a variable with the values of a label, of which several can be chosen.
 *
 * @param {string} label
 * @param {string} title
 * @param {string} series
 */
function valuesOf(label, title, series) {
  return {
    type: 'query',
    name: label,
    label: title,
    datasource,
    query: { query: `label_values(${series}, ${label})`, refId: label },
    refresh: 2,
    sort: 1,
    multi: true,
    includeAll: true,
    allValue: '.+',
    current: { text: ['All'], value: ['$__all'] },
  }
}
