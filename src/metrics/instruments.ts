import type { Definition, LabelSet, Labels } from './definition.js'

/** A time series of a counter, a gauge or an info. */
interface NumberSeries {
  /** Labels as the exposition formats write them. */
  labels: string
  value: number
  /** Called by each scrape. Its result replaces the value; undefined stands for no value. */
  read?: () => number | undefined
}

/** A time series of a histogram. */
interface HistogramSeries {
  /** Labels as the exposition formats write them. */
  labels: string
  /** Number of values in each bucket, not cumulative. The last bucket ends at infinity. */
  counts: number[]
  sum: number
}

/** The time series of a metric, by the values of their labels. */
export class SeriesMap<Names extends Labels, Series> {
  readonly #names: readonly string[]
  readonly #create: (labels: string) => Series
  readonly #series = new Map<string, Series>()

  constructor({ labels }: Definition, create: (labels: string) => Series) {
    this.#names = Object.keys(labels)
    this.#create = create
  }

  getOrCreate(labels: LabelSet<Names>): Series {
    let key = ''
    for (const name of this.#names) key += `${labels[name]}\n`
    const known = this.#series.get(key)
    if (known) return known
    const created = this.#create(this.#format(labels))
    this.#series.set(key, created)
    return created
  }

  all(): Series[] {
    return [...this.#series.values()]
  }

  #format(labels: LabelSet<Names>): string {
    const present = this.#names.filter((name) => labels[name] !== '')
    return present.map((name) => `${name}="${escapeValue(String(labels[name]))}"`).join(',')
  }
}

/** A counter, a gauge or an info. */
export class NumberMetric<Names extends Labels = Labels> {
  readonly series: SeriesMap<Names, NumberSeries>

  constructor(definition: Definition) {
    this.series = new SeriesMap(definition, (labels) => ({ labels, value: 0 }))
  }

  /** Increases a time series. */
  add(labels: LabelSet<Names>, amount = 1): void {
    this.series.getOrCreate(labels).value += amount
  }

  /** Returns a function that counts one event. It finds the time series only once, for events of which there are many in a second. */
  counterOf(labels: LabelSet<Names>): () => void {
    const series = this.series.getOrCreate(labels)
    return function count() {
      series.value += 1
    }
  }

  /** Takes the value of a time series from a function, which each scrape calls. The function returns undefined while there is none. */
  observe(labels: LabelSet<Names>, read: () => number | undefined): void {
    this.series.getOrCreate(labels).read = read
  }
}

/** A histogram. */
export class Histogram<Names extends Labels = Labels> {
  readonly bounds: readonly number[]
  readonly series: SeriesMap<Names, HistogramSeries>

  constructor(definition: Definition) {
    this.bounds = [...definition.buckets, Number.POSITIVE_INFINITY]
    this.series = new SeriesMap(definition, (labels) => ({
      labels,
      counts: this.bounds.map(() => 0),
      sum: 0,
    }))
  }

  /** Runs a task, and records its duration (seconds), even if it fails. */
  async time<T>(labels: LabelSet<Names>, task: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    try {
      return await task()
    } finally {
      this.record(labels, (performance.now() - startedAt) / 1_000)
    }
  }

  /** Records one value, in the unit of the metric. */
  record(labels: LabelSet<Names>, value: number): void {
    const series = this.series.getOrCreate(labels)
    const bucket = this.bounds.findIndex((bound) => value <= bound)
    series.counts[bucket] = Number(series.counts[bucket]) + 1
    series.sum += value
  }
}

function escapeValue(value: string): string {
  return value.replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))
}
