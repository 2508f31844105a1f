import type { FastifyInstance } from 'fastify'
import plugin from 'fastify-plugin'
import { catalogue } from './catalogue/index.js'
import type { Definition, LabelSet, Labels } from './definition.js'
import { expose, type Family, type Format } from './exposition.js'
import { Histogram, NumberMetric } from './instruments.js'

type Catalogue = typeof catalogue

/** The metrics of a service, by their names in the catalogue. */
export type Metrics = {
  readonly [Name in keyof Catalogue]: Catalogue[Name] extends Definition<infer Kind, infer Names>
    ? Kind extends 'histogram'
      ? Histogram<Names>
      : NumberMetric<Names>
    : never
}

declare module 'fastify' {
  interface FastifyInstance {
    metrics: Metrics
  }
}

/** Registers `app.metrics`. Rare events are counted whether or not metrics are served, as a check would cost more. */
export const metricsPlugin = plugin(
  async function registerMetrics(app: FastifyInstance, { metrics }: { metrics: Metrics }) {
    app.decorate('metrics', metrics)
  },
  { name: 'metrics' },
)

/** Creates all metrics. Counters whose labels have known values begin with 0: the first event is an increase, which a query can see. */
export function createMetrics(): Metrics {
  const entries = Object.entries<Definition>(catalogue).map(([key, definition]) => [key, create(definition)])
  return Object.fromEntries(entries) as Metrics
}

/** Returns all metrics in an exposition format. */
export function exposeMetrics(metrics: Metrics, format: Format): string {
  const families = Object.entries(catalogue).map(
    ([key, definition]): Family => [definition, metrics[key as keyof Metrics] as Family[1]],
  )
  return expose(families, format)
}

function create(definition: Definition): NumberMetric | Histogram {
  if (definition.kind === 'histogram') return new Histogram(definition)
  const metric = new NumberMetric(definition)
  if (definition.kind === 'counter')
    for (const labels of combinations(definition.labels)) metric.add(labels, 0)
  return metric
}

/** Returns every combination of the values of labels; none if the values of one are not known in advance. */
function combinations(labels: Labels): LabelSet<Labels>[] {
  return Object.entries(labels).reduce<LabelSet<Labels>[]>(
    (sets, [name, values]) =>
      typeof values === 'string'
        ? []
        : sets.flatMap((set) => values.map((value) => ({ ...set, [name]: value }))),
    [{}],
  )
}
