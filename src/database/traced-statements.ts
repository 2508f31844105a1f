import type pg from 'pg'
import { type SpanDescription, traced } from '../tracing/span.js'
import { summarize } from './statement-summary.js'

/** Makes a pool execute each statement in a span, which includes the wait for a connection, and the attempts after conflicts. */
export function traceStatements(pool: pg.Pool): void {
  const query = pool.query.bind(pool) as unknown as (...given: unknown[]) => unknown
  Object.assign(pool, { query: (...given: unknown[]) => traceStatement(given, () => query(...given)) })
}

/**
 * Executes a statement in a span with the attributes of OpenTelemetry's semantic conventions for databases. Neither its text
 * nor its values are among them.
 *
 * @param given arguments of the query: a statement or its text
 */
export function traceStatement<T>([statement]: unknown[], execute: () => T): T {
  return traced(() => describe(statement as string | pg.QueryConfig), execute)
}

function describe(statement: string | pg.QueryConfig): SpanDescription {
  const { operation, table } = summarize(typeof statement === 'string' ? statement : statement.text)
  const name = table === undefined ? operation : `${operation} ${table}`
  return {
    name,
    kind: 'client',
    attributes: {
      'db.system.name': 'postgresql',
      'db.operation.name': operation,
      'db.query.summary': name,
      ...(table !== undefined && { 'db.collection.name': table }),
    },
  }
}
