/** Matchers of the processes that are chosen on the dashboard. */
const chosen = 'job=~"$job", instance=~"$instance"'

/**
 * Returns the rate of a counter per second, added up by labels.
 *
 * @param {string} counter
 * @param {string[]} [labels]
 * @param {string} [matchers] further matchers
 */
export function rate(counter, labels = [], matchers = '') {
  return `sum${by(labels)} (rate(${select(counter, matchers)}[$__rate_interval]))`
}

/**
 * Returns a quantile of a histogram.
 *
 * @param {number} share
 * @param {string} histogram name without suffix
 * @param {string[]} [labels]
 * @param {string} [matchers] further matchers
 */
export function quantile(share, histogram, labels = [], matchers = '') {
  return `histogram_quantile(${share}, ${rate(`${histogram}_bucket`, ['le', ...labels], matchers)})`
}

/**
 * Returns three quantiles of a histogram, by their legends.
 *
 * @param {string} histogram name without suffix
 */
export function quantiles(histogram) {
  return {
    median: quantile(0.5, histogram),
    '95th percentile': quantile(0.95, histogram),
    '99th percentile': quantile(0.99, histogram),
  }
}

/**
 * Returns the sum of a gauge by labels.
 *
 * @param {string} gauge
 * @param {string[]} [labels]
 */
export function sum(gauge, labels = []) {
  return `sum${by(labels)} (${select(gauge)})`
}

/**
 * Returns the highest value of a gauge by labels.
 *
 * @param {string} gauge
 * @param {string[]} [labels]
 */
export function max(gauge, labels = []) {
  return `max${by(labels)} (${select(gauge)})`
}

/**
 * Returns the series of a metric of the chosen processes.
 *
 * @param {string} metric
 * @param {string} [matchers] further matchers
 */
export function select(metric, matchers = '') {
  return `${metric}{${matchers ? `${chosen}, ${matchers}` : chosen}}`
}

/** @param {string[]} labels */
function by(labels) {
  return labels.length > 0 ? ` by (${labels.join(', ')})` : ''
}
