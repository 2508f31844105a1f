import type { Database } from './client.js'

/**
 * The rows of a statement with `$1`, `$2` … for its values, past Prisma's client, whose own work would cost more than
 * the query: for what every request does. Each connection plans it once. Columns come by the names that the statement
 * gives them.
 */
export async function queryRows<Row extends object>(
  text: string,
  values: unknown[],
  { pool, nameStatement }: Pick<Database, 'pool' | 'nameStatement'>,
): Promise<Row[]> {
  const name = nameStatement(text)
  const { rows } = await pool.query<Row>({ ...(name && { name }), text, values })
  return rows
}

/** The same for what may be a moment behind, from a replica where there is one. */
export function readRows<Row extends object>(
  text: string,
  values: unknown[],
  { readPool, nameStatement }: Pick<Database, 'readPool' | 'nameStatement'>,
): Promise<Row[]> {
  return queryRows(text, values, { pool: readPool, nameStatement })
}

/** Makes up a name for each text, by which a connection knows the statement that it has prepared. */
export function nameStatements(): (text: string) => string {
  const names = new Map<string, string>()
  return function nameStatement(text) {
    const name = names.get(text) ?? `statement_${names.size}`
    names.set(text, name)
    return name
  }
}
