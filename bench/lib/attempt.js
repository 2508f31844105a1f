import { isEnding } from './cleanup.js'
import { NotAvailable } from './not-available.js'

/** Names of what failed in this run. @type {string[]} */
export const failures = []

/**
 * Runs work whose failure must not discard the results of the rest. What is not available is no failure.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T | undefined>}
 */
export async function attempt(name, work) {
  try {
    return await work()
  } catch (error) {
    if (isEnding()) throw error
    if (error instanceof NotAvailable) {
      console.error(`skipped: ${name}: ${error.message}`)
      return undefined
    }
    failures.push(name)
    console.error(`${name} failed: ${/** @type {Error} */ (error).stack}`)
    return undefined
  }
}
