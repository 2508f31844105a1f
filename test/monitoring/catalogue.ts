import { catalogue } from '../../src/metrics/catalogue/index.js'
import type { Definition } from '../../src/metrics/definition.js'

/** Labels of a series, each with its possible values, or null where these are not listed. */
export type SeriesLabels = Map<string, readonly string[] | null>

/** Labels that Prometheus adds to each series. */
const targetLabels = ['job', 'instance', 'namespace']

/** Returns the series that Prometheus has: those of the service, and its own, by their names. */
export function listSeries(): Map<string, SeriesLabels> {
  const series = new Map<string, SeriesLabels>([
    ['up', withTargetLabels([])],
    [
      'ALERTS',
      withTargetLabels([
        ['alertname', null],
        ['alertstate', ['firing', 'pending']],
      ]),
    ],
  ])
  for (const definition of Object.values(catalogue) as Definition[])
    for (const name of seriesOf(definition)) {
      const labels = Object.entries(definition.labels).map(
        ([label, values]) => [label, typeof values === 'string' ? null : values] as const,
      )
      series.set(name, withTargetLabels(name.endsWith('_bucket') ? [...labels, ['le', null]] : labels))
    }
  return series
}

/** Returns the names of the series of a metric family. */
function seriesOf({ kind, name }: Definition): string[] {
  if (kind === 'counter') return [`${name}_total`]
  if (kind === 'info') return [`${name}_info`]
  if (kind === 'histogram') return [`${name}_bucket`, `${name}_sum`, `${name}_count`]
  return [name]
}

function withTargetLabels(labels: (readonly [string, readonly string[] | null])[]): SeriesLabels {
  return new Map([...targetLabels.map((label) => [label, null] as const), ...labels])
}
