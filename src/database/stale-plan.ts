import type pg from 'pg'

/**
 * Functions of PostgreSQL that refuse a plan when a migration has changed the type of a column: of a prepared statement,
 * or of an expression in a trigger. By their names, as messages may be in any language.
 */
const refusal = /^(RevalidateCachedQuery|plpgsql_param_eval_\w+)$/

/** What a transaction ends with when its session has a plan that no longer holds. */
export class StalePlan extends Error {}

/** Whether PostgreSQL refused a statement since its session has planned it for columns of other types. */
export function isStalePlan(error: unknown): boolean {
  return error instanceof StalePlan || refusal.test(String((error as { routine?: unknown }).routine))
}

/**
 * Has the pool send such a statement again, without the name that its plan is kept under. A plan of a trigger goes with
 * its session only: the pool drops each that refuses, until one is fresh.
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
