import type { ValidationIssue } from '../http/validation-issues.js'

/** Maximum number of issues that a report lists. */
const maxListed = 100

/** The failed lines of an import: all are counted, and the first issues are kept. */
export interface Failures {
  readonly count: number
  readonly issues: readonly ValidationIssue[]
  /** Adds one line. */
  add(issues: readonly ValidationIssue[]): void
}

/** Creates an empty list of failed lines. */
export function createFailures(): Failures {
  const kept: ValidationIssue[] = []
  let count = 0
  return {
    get count() {
      return count
    },
    issues: kept,
    add(issues) {
      count += 1
      kept.push(...issues.slice(0, maxListed - kept.length))
    },
  }
}
