import type { Definition } from './definition.js'
import { Histogram, type NumberMetric } from './instruments.js'

/** Exposition formats that Prometheus reads: its own text format (0.0.4), and OpenMetrics (1.0.0). */
export type Format = 'text' | 'openmetrics'

/** A metric and its time series. */
export type Family = [definition: Definition, metric: NumberMetric | Histogram]

/** Suffixes of the names of samples, by the kind of their metric. */
const suffixes = { counter: '_total', gauge: '', histogram: '', info: '_info' }

/** Returns the metrics that have a value in a format, in the order in which they are given. */
export function expose(families: readonly Family[], format: Format): string {
  const lines = families.flatMap(([definition, metric]) => {
    const name = definition.name + suffixes[definition.kind]
    const samples = metric instanceof Histogram ? histogramSamples(name, metric) : numberSamples(name, metric)
    return samples.length > 0 ? [...describe(definition, format), ...samples] : []
  })
  return [...lines, ...(format === 'openmetrics' ? ['# EOF'] : []), ''].join('\n')
}

/** Returns the metadata of a family. OpenMetrics names it without suffix, and has units and infos, which the text format calls gauges. */
function describe({ kind, name, help, unit }: Definition, format: Format): string[] {
  if (format === 'text') {
    const sampled = name + suffixes[kind]
    return [`# HELP ${sampled} ${help}`, `# TYPE ${sampled} ${kind === 'info' ? 'gauge' : kind}`]
  }
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, ...(unit ? [`# UNIT ${name} ${unit}`] : [])]
}

function numberSamples(name: string, { series }: NumberMetric): string[] {
  return series.all().flatMap(({ labels, value, read }) => {
    const current = read ? read() : value
    return current === undefined ? [] : [sample(name, labels, current)]
  })
}

function histogramSamples(name: string, { bounds, series }: Histogram): string[] {
  return series.all().flatMap(({ labels, counts, sum }) => {
    let count = 0
    const buckets = counts.map((added, index) => {
      count += added
      const bound = `le="${formatBound(Number(bounds[index]))}"`
      return sample(`${name}_bucket`, labels ? `${labels},${bound}` : bound, count)
    })
    return [...buckets, sample(`${name}_sum`, labels, sum), sample(`${name}_count`, labels, count)]
  })
}

function sample(name: string, labels: string, value: number): string {
  return `${name}${labels && `{${labels}}`} ${formatNumber(value)}`
}

/** Returns a bound with a decimal point, as OpenMetrics requires. The labels of a time series are the same in both formats. */
function formatBound(bound: number): string {
  return Number.isInteger(bound) ? bound.toFixed(1) : formatNumber(bound)
}

function formatNumber(value: number): string {
  return String(value).replace('Infinity', '+Inf')
}
