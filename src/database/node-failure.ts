// A statement can need a server other than the one that answers: a worker of Citus, or a server of postgres_fdw. If that one
// fails, only the owners whose items it has are affected.

/**
 * SQLSTATEs of a connection to another server. PostgreSQL never reports its own client by one of them; 08P01 is left out, as
 * poolers report themselves by it.
 */
const connectionStates = /^(08(?!P01)...|HV00N)$/

/** SQLSTATEs of a server that lacks resources, shuts down, starts or fails, when its error is passed on. */
const failureStates = /^(53|57P|58)/

/** Routines of Citus and postgres_fdw that pass on an error of another server with its SQLSTATE. */
const passingRoutine = /^(ReportResultError|pgfdw_report_error)$/

/** Routines of Citus that report a worker that failed at the commit. Their errors have the SQLSTATE of internal errors. */
const commitRoutine =
  /^(ErrorIfPostCommitFailedShardPlacements|CheckRemoteTransactionsHealth|FinishRemoteTransactionPrepare|MarkRemoteTransactionFailed)$/

/** SQLSTATE of a commit whose outcome is unknown. */
const unknownResolution = '08007'

/** Thrown for a statement that failed because another server of the cluster has failed, while the database itself answers. */
export class NodeFailure extends Error {
  readonly sqlState: string

  constructor(sqlState: string, cause: Error) {
    super(cause.message, { cause })
    this.sqlState = sqlState
  }
}

/**
 * Returns a NodeFailure for an error of a failed server of the cluster, and any other error as it is. A worker that shuts down
 * is told from the database itself by the routine in the source that reported the error, since messages may be in any
 * language. Prisma drops the routine, but passes errors without a `code` on unchanged.
 */
export function recognizeNodeFailure<E>(error: E): E | NodeFailure {
  if (!(error instanceof Error)) return error
  const { code = '', routine = '' } = error as Error & { code?: string; routine?: string }
  if (commitRoutine.test(routine)) return new NodeFailure(unknownResolution, error)
  const isPassedOn = passingRoutine.test(routine) && failureStates.test(code)
  return isPassedOn || connectionStates.test(code) ? new NodeFailure(code, error) : error
}
