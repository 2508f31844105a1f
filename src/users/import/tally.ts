import type { RowReport } from './import-users.js'

/** Maximum number of refused rows that are kept. */
const maxKept = 100

/** Counts of the results of an import so far. */
export interface Tally {
  rows: number
  created: number
  existing: number
  refused: number
  /** Number of created users without a password. */
  withoutPassword: number
  /** The first refused rows. */
  refusedRows: RowReport[]
}

/** Returns the tally of an import that has read no row. */
export function createTally(): Tally {
  return { rows: 0, created: 0, existing: 0, refused: 0, withoutPassword: 0, refusedRows: [] }
}

/** Adds the result of a row to a tally. */
export function countRow(tally: Tally, report: RowReport): void {
  tally.rows += 1
  if (report.outcome === 'created') tally.created += 1
  if (report.outcome === 'exists') tally.existing += 1
  if (report.withoutPassword) tally.withoutPassword += 1
  if (report.outcome !== 'refused') return
  tally.refused += 1
  if (tally.refusedRows.length < maxKept) tally.refusedRows.push(report)
}
