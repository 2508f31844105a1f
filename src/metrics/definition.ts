/** Possible values of a label: a list or, if only the running service knows them, their description. */
type LabelValues = readonly string[] | string

/** The labels of a metric, by their names. */
export type Labels = Record<string, LabelValues>

/** Base units of Prometheus and OpenMetrics. The name of a metric ends with its unit. */
type Unit = 'seconds' | 'bytes'

/** A metric: what it counts or measures, and by which labels. */
export interface Definition<Kind extends MetricKind = MetricKind, Names extends Labels = Labels> {
  kind: Kind
  /** Name of the metric family (OpenMetrics). The samples of a counter have the suffix `_total`, those of an info `_info`. */
  name: string
  help: string
  labels: Names
  unit?: Unit
  /** Upper bounds of the buckets of a histogram, without infinity; none for the other kinds. */
  buckets: readonly number[]
}

type MetricKind = 'counter' | 'gauge' | 'histogram' | 'info'

/** Values of the labels of one time series. An empty string leaves its label out. */
export type LabelSet<Names extends Labels> = {
  [Name in keyof Names]: Names[Name] extends readonly (infer Value)[] ? Value : string
}

/** Labels of a metric that is one time series. */
type NoLabels = Record<never, never>

type Options<Names extends Labels> = Partial<Pick<Definition<MetricKind, Names>, 'labels' | 'unit'>>

/** Defines a metric that only rises. */
export function counter<const Names extends Labels = NoLabels>(
  name: string,
  help: string,
  { labels = {} as Names, ...others }: Options<Names> = {},
): Definition<'counter', Names> {
  return { kind: 'counter', name, help, labels, buckets: [], ...others }
}

/** Defines a metric that rises and falls. */
export function gauge<const Names extends Labels = NoLabels>(
  name: string,
  help: string,
  { labels = {} as Names, ...others }: Options<Names> = {},
): Definition<'gauge', Names> {
  return { kind: 'gauge', name, help, labels, buckets: [], ...others }
}

/** Defines a histogram of durations (seconds). */
export function durations<const Names extends Labels = NoLabels>(
  name: string,
  help: string,
  buckets: readonly number[],
  labels: Names = {} as Names,
): Definition<'histogram', Names> {
  return { kind: 'histogram', name, help, labels, unit: 'seconds', buckets }
}

/** Defines a metric whose labels are facts about the process. Its value is 1. */
export function info<const Names extends Labels>(
  name: string,
  help: string,
  labels: Names,
): Definition<'info', Names> {
  return { kind: 'info', name, help, labels, buckets: [] }
}
