import type pg from 'pg'

/** Routine of PostgreSQL that warns when it no longer waits for a synchronous standby. Messages may be in any language. */
const waitRoutine = 'SyncRepWaitForLSN'

/** SQLSTATE of a statement whose completion is unknown. */
const completionUnknown = '40003'

/**
 * Thrown for a commit whose wait for the synchronous standby was cancelled, as with `pg_cancel_backend`. PostgreSQL reports
 * success, with a warning, although the change is lost if the primary fails before it is replicated.
 */
export class UnreplicatedCommit extends Error {
  readonly code = completionUnknown
}

/** Watches a connection for such commits. @returns a function that returns the error for the statement that has just ended */
export function watchCommits(client: pg.Client): () => UnreplicatedCommit | undefined {
  let error: UnreplicatedCommit | undefined
  client.on('notice', ({ routine, message }) => {
    if (routine === waitRoutine) error = new UnreplicatedCommit(message)
  })
  return function takeError() {
    const taken = error
    error = undefined
    return taken
  }
}
