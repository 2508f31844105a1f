import type pg from 'pg'

/** Executes statements: a pool, a connection, or a replica with its primary behind it. */
export interface Queryable {
  query<Row extends pg.QueryResultRow>(statement: pg.QueryConfig): Promise<pg.QueryResult<Row>>
}

/** Part of the database that a query without Prisma uses. */
export interface QueryTarget {
  pool: Queryable
  /** Returns the name to prepare a statement under; undefined where a pooler gives the next query another session. */
  nameStatement(text: string): string | undefined
}

/**
 * Executes a statement, with `$1`, `$2` … for its values, and returns its rows. Each connection plans the statement once.
 * Columns have the names that the statement gives them.
 *
 * It bypasses Prisma's client, whose own work would cost more than the queries that every request needs.
 */
export async function queryRows<Row extends object>(
  text: string,
  values: unknown[],
  { pool, nameStatement }: QueryTarget,
): Promise<Row[]> {
  const name = nameStatement(text)
  const { rows } = await pool.query<Row>({ ...(name && { name }), text, values })
  return rows
}

/** Returns rows that may be slightly out of date: from a replica where there is one. */
export function readRows<Row extends object>(
  text: string,
  values: unknown[],
  { readPool, nameStatement }: Pick<QueryTarget, 'nameStatement'> & { readPool: Queryable },
): Promise<Row[]> {
  return queryRows(text, values, { pool: readPool, nameStatement })
}

/** Creates a function that gives each text a name, under which connections prepare the statement. */
export function nameStatements(): (text: string) => string {
  const names = new Map<string, string>()
  return function nameStatement(text) {
    const name = names.get(text) ?? `statement_${names.size}`
    names.set(text, name)
    return name
  }
}

/** Part of a transaction that executes statements. */
interface StatementRunner {
  $queryRawUnsafe<Rows>(text: string, ...values: unknown[]): PromiseLike<Rows>
}

/** Returns the target for queries in a transaction of Prisma's client. */
export function within(transaction: StatementRunner): QueryTarget {
  async function query({ text, values = [] }: pg.QueryConfig) {
    return { rows: await transaction.$queryRawUnsafe(text, ...values) }
  }
  return inSession({ query: query as Queryable['query'] })
}

/** Returns the target for queries in one session, which prepares no statements. */
export function inSession(session: Queryable): QueryTarget {
  return { pool: session, nameStatement: () => undefined }
}
