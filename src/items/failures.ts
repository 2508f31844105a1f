import type { Complaint } from '../errors.js'

/** Maximum number of complaints that a report lists. */
const maxListed = 100

/** The lines of an import that failed: all are counted, the first complaints are kept. */
export interface Failures {
  readonly count: number
  readonly complaints: readonly Complaint[]
  add(complaints: readonly Complaint[]): void
}

/** Creates an empty count of failed lines. */
export function createFailures(): Failures {
  const complaints: Complaint[] = []
  let count = 0
  return {
    get count() {
      return count
    },
    complaints,
    add(more) {
      count += 1
      complaints.push(...more.slice(0, maxListed - complaints.length))
    },
  }
}
