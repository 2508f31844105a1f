import type pg from 'pg'

/** A statement that has ended. */
export interface Executed {
  text: string
  seconds: number
  /** Null for a statement that succeeded. */
  error: Error | null
}

/** Passes the statements of some sessions to a listener. Without a listener, they are not timed. */
export interface StatementLog {
  listener: ((statement: Executed) => void) | null
}

export function createStatementLog(): StatementLog {
  return { listener: null }
}

type Query = (this: unknown, ...given: unknown[]) => unknown

type Callback = (error: Error | null | undefined, ...rest: unknown[]) => void

/** Times the statements of a session, from the call of its `query` to the response. */
export function timeStatements(client: pg.Client, log: StatementLog): void {
  const query = client.query as unknown as Query

  function queryTimed(...given: unknown[]): unknown {
    const { listener } = log
    const text = textOf(given[0])
    if (!listener || text === undefined) return query.apply(client, given)
    const startedAt = performance.now()
    const finish = (error: Error | null) =>
      listener({ text, seconds: (performance.now() - startedAt) / 1_000, error })
    const answer = query.apply(
      client,
      given.map((argument) =>
        typeof argument === 'function' ? finishBefore(argument as Callback, finish) : argument,
      ),
    )
    if (answer instanceof Promise) answer.then(() => finish(null), finish)
    return answer
  }

  Object.assign(client, { query: queryTimed })
}

/** Returns the callback of a query by the pool, which calls `finish` first. */
function finishBefore(callback: Callback, finish: (error: Error | null) => void): Callback {
  return function finishAndCall(error, ...rest) {
    finish(error ?? null)
    callback(error, ...rest)
  }
}

/** Returns the text of a query's first argument: a text, or a statement with values. */
function textOf(statement: unknown): string | undefined {
  return typeof statement === 'string' ? statement : (statement as { text?: string }).text
}
