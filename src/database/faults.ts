import { reasonOf } from '../lifecycle/reason.js'
import { isAnswerTimeout, isDatabaseUnavailable, isOutcomeUnknown, sqlStateOf } from './errors.js'
import { NodeFailure } from './node-failure.js'

const tookTooLong = 'the database took too long'
const nodeFailed = 'a server of the cluster cannot be reached, or has failed'

/** What the classes of SQLSTATEs mean that are no fault of a statement, the most specific first. */
const faults: readonly [states: RegExp, meaning: string][] = [
  [/^25006$/, 'the database is read-only'],
  [/^(57014|25P0[234])$/, tookTooLong],
  [/^55P03$/, 'the database waited too long for a lock'],
  [/^40...$/, 'other changes were made at the same time'],
  [/^53100$/, 'the database has no space left'],
  [/^53...$/, 'the database has too few resources'],
  [/^58...$/, 'the system of the database has failed'],
  [/^XX00[12]$/, 'the database has damaged data'],
  [/^(28...|3D000|42501)$/, 'the database refuses access'],
]

/** Meaning of any other error after which the database is unavailable, with or without a SQLSTATE. */
const unavailable = 'the database cannot be reached, or has ended the connection'

/**
 * Describes an error of the database that no change of our statements would mend, in one line for the operator. Returns
 * undefined for any other error.
 */
export function describeFault(error: unknown): string | undefined {
  const meaning = nameFault(error) ?? (isDatabaseUnavailable(error) ? unavailable : undefined)
  if (meaning === undefined) return undefined
  const outcome = isOutcomeUnknown(error)
    ? '; what the command was changing may or may not have been changed'
    : ''
  return `${meaning}: ${reasonOf(error as Error)}${outcome}`
}

function nameFault(error: unknown): string | undefined {
  if (error instanceof NodeFailure) return nodeFailed
  if (isAnswerTimeout(error)) return tookTooLong
  const state = String(sqlStateOf(error))
  return faults.find(([states]) => states.test(state))?.[1]
}
