import type { ValidationIssue } from '../http/schema.js'

/** Maximum number of complaints that a report lists. */
const maxListed = 100

/** The lines of an import that failed: all are counted, the first complaints are kept. */
export interface Failures {
  readonly count: number
  readonly complaints: readonly ValidationIssue[]
  add(complaints: readonly ValidationIssue[]): void
}

/** Creates an empty count of failed lines. */
export function createFailures(): Failures {
  const complaints: ValidationIssue[] = []
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
