import type pg from 'pg'

/**
 * Routines of PostgreSQL that reject a cached plan, of a prepared statement or of an expression in a trigger, after a
 * migration has changed the type of a column. Messages cannot be compared, as they may be in any language.
 */
const rejectingRoutine = /^(RevalidateCachedQuery|plpgsql_param_eval_\w+)$/

/** Thrown in a transaction whose session has a stale plan. */
export class StalePlan extends Error {}

/** Returns whether PostgreSQL rejected a statement because its cached plan is stale. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof StalePlan || rejectingRoutine.test(String((error as { routine?: unknown }).routine))
}

/**
 * Makes the pool retry statements with a stale plan, without the name that the plan is cached under. The plan of a trigger
 * lasts as long as its session. The pool closes a session that rejects the statement, so the statement is retried until a
 * session has no such plan.
 */
export function retryStalePlans(pool: pg.Pool): void {
  const query = pool.query.bind(pool) as unknown as (...given: unknown[]) => Promise<unknown>

  function send(statement: pg.QueryConfig, more: unknown[], attempts: number): Promise<unknown> {
    return query(statement, ...more).catch((error: Error) => {
      if (attempts === 0 || !isStalePlan(error)) throw error
      const { name: _, ...unnamed } = statement
      return send(unnamed, more, attempts - 1)
    })
  }

  Object.assign(pool, {
    query: (statement: pg.QueryConfig, ...more: unknown[]) => send(statement, more, pool.options.max),
  })
}
