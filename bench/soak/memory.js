import { median } from '../lib/rounds.js'

/** Maximum growth of memory that counts as flat. */
const maxGrowth = 0.1

/**
 * @typedef {import('./monitor.js').Life} Life
 * @typedef {{ before: number, after: number, growth: number, isFlat: boolean }} Trend memory (MB) and its growth as a share
 */

/**
 * Compares the memory of the steady replica after collections of garbage: the median of the last quarter of its life with that of the
 * second quarter. The first one is its warm-up.
 *
 * @param {Life} life
 */
export function judgeSteady({ collected: { rss, heap } }) {
  return { heap: compareQuarters(heap), rss: compareQuarters(rss) }
}

/**
 * Compares the processes that were replaced by the medians of their resident memory: those of the last third with those of the first.
 *
 * @param {Life[]} lives of the other replicas, except those that run at the end
 */
export function judgeReplaced(lives) {
  const medians = lives.map(({ rss }) => median(rss) ?? Number.NaN)
  const third = Math.ceil(medians.length / 3)
  return trend(medians.slice(0, third), medians.slice(-third))
}

/** @param {number[]} series */
function compareQuarters(series) {
  const quarter = Math.ceil(series.length / 4)
  return trend(series.slice(quarter, 2 * quarter), series.slice(-quarter))
}

/**
 * @param {number[]} early
 * @param {number[]} late
 * @returns {Trend}
 */
function trend(early, late) {
  const before = median(early) ?? Number.NaN
  const after = median(late) ?? Number.NaN
  const growth = after / before - 1
  return { before, after, growth, isFlat: growth <= maxGrowth }
}
