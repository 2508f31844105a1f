import { isTimeout } from './errors.js'
import { NodeFailure } from './node-failure.js'
import { type QueryTarget, queryRows } from './query.js'

/** Tasks that do not keep each other back: a row that somebody keeps locked, or a server that is down, concerns one of them. */
interface Attempts {
  /**
   * Runs a task. Returns undefined if a time limit or the failure of another server has ended it.
   *
   * @throws any other error of the task, and the error of a database that does not answer itself
   */
  attempt<T>(task: () => Promise<T>): Promise<T | undefined>
  /** @throws NodeFailure or the error of a timeout, that of the first task that such an error has ended */
  requireSuccess(): void
}

/** Creates tasks that use a database. */
export function createAttempts(database: QueryTarget): Attempts {
  let failure: unknown

  return {
    async attempt(task) {
      try {
        return await task()
      } catch (error) {
        if (!(error instanceof NodeFailure || isTimeout(error))) throw error
        failure ??= error
        await requireAnswer(database)
        return undefined
      }
    },
    requireSuccess() {
      if (failure !== undefined) throw failure
    },
  }
}

/** Requires that the database itself answers. Without this, each task would take the time limit of a statement if it hung. */
async function requireAnswer(database: QueryTarget): Promise<void> {
  await queryRows('SELECT', [], database)
}
