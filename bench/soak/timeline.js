/** Number of points of each plot, at most. */
const points = 360
const percentiles = [50, 95, 99]

/**
 * Creates series of what happened in each few seconds of a run.
 *
 * @template {string} Outcome
 * @param {number} seconds duration of the run
 * @param {readonly Outcome[]} outcomes
 */
export function createTimeline(seconds, outcomes) {
  const bucketSeconds = Math.max(1, Math.ceil(seconds / points))
  /** @type {Map<Outcome, number[]>} */
  const counts = new Map(outcomes.map((outcome) => [outcome, []]))
  /** Percentiles of the response times of each bucket (milliseconds). */
  const times = /** @type {number[][]} */ (percentiles.map(() => []))
  /** Response times of the current bucket (milliseconds). @type {number[]} */
  let current = []
  let buckets = 0

  function closeBucket() {
    const sorted = current.sort((one, other) => one - other)
    for (const [index, percentile] of percentiles.entries())
      times[index]?.push(rounded(sorted[Math.floor((sorted.length * percentile) / 100)] ?? 0))
    current = []
  }

  return {
    /**
     * @param {Outcome} outcome
     * @param {number} at seconds since the beginning, never less than before
     * @param {number} ms response time
     */
    add(outcome, at, ms) {
      for (; buckets <= at / bucketSeconds; buckets++) {
        if (buckets > 0) closeBucket()
        for (const series of counts.values()) series.push(0)
      }
      const series = /** @type {number[]} */ (counts.get(outcome))
      series.push(Number(series.pop()) + 1)
      current.push(ms)
    },

    /** Ends the series. */
    finish() {
      closeBucket()
      return {
        bucketSeconds,
        perSecond: Object.fromEntries(
          [...counts].map(([outcome, series]) => [
            outcome,
            series.map((count) => rounded(count / bucketSeconds)),
          ]),
        ),
        milliseconds: Object.fromEntries(
          percentiles.map((percentile, index) => [`p${percentile}`, times[index] ?? []]),
        ),
      }
    },
  }
}

/** Rounds to three significant digits. @param {number} value */
function rounded(value) {
  return value < 100 ? Number(value.toPrecision(3)) : Math.round(value)
}
