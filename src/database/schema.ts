import type pg from 'pg'
import { OperatorError } from '../lifecycle/operator-error.js'

/** Maximum number of another program's tables that are named. */
const maxNamed = 3

/** Facts that decide whether a schema can hold our tables. */
interface Facts {
  exists: boolean
  allowed: boolean
  role: string
  encoding: string
}

/** Tables and views of a schema, without those of extensions such as PostGIS. */
const tablesOfSchema = `
  SELECT relname AS name FROM pg_class
  WHERE relnamespace = to_regnamespace(quote_ident($1)) AND relkind IN ('r', 'p', 'v', 'm', 'f') AND relname <> '_prisma_migrations'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
  ORDER BY relname`

/**
 * Checks whether migrations can be applied to a schema, without changing anything.
 *
 * @param isOurs whether some of our migrations have been applied to it
 * @returns whether the schema exists
 * @throws OperatorError that says what to do if they cannot
 */
export async function requireUsableSchema(
  name: string,
  isOurs: boolean,
  connection: pg.ClientBase,
): Promise<boolean> {
  const { exists, allowed, role, encoding } = await readFacts(name, connection)
  if (encoding !== 'UTF8')
    throw new OperatorError(`the encoding of the database is ${encoding}: UTF8 is required`)
  const tables = isOurs ? [] : (await connection.query<{ name: string }>(tablesOfSchema, [name])).rows
  if (tables.length > 0) throw new OperatorError(explainForeignTables(name, tables))
  if (allowed) return exists
  const remedy = exists
    ? `GRANT USAGE, CREATE ON SCHEMA ${name} TO ${role}`
    : `CREATE SCHEMA ${name} AUTHORIZATION ${role}`
  throw new OperatorError(
    `${role} may not create tables in schema ${name}: ${remedy}, or name another one as ?schema= in DATABASE_URL`,
  )
}

async function readFacts(name: string, connection: pg.ClientBase): Promise<Facts> {
  const { rows } = await connection.query<Facts>(
    `SELECT exists, current_user AS role, getdatabaseencoding() AS encoding,
      CASE WHEN exists THEN has_schema_privilege($1, 'USAGE') AND has_schema_privilege($1, 'CREATE')
        ELSE has_database_privilege(current_database(), 'CREATE') END AS allowed
    FROM (SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)) AS found`,
    [name],
  )
  return rows[0] as Facts
}

function explainForeignTables(schema: string, tables: { name: string }[]): string {
  const named = tables.slice(0, maxNamed).map(({ name }) => name)
  const others = tables.length > maxNamed ? ', …' : ''
  return (
    `schema ${schema} has tables of another program (${named.join(', ')}${others}), which are left alone: ` +
    'name a schema of its own for Latchkey in DATABASE_URL, such as ?schema=latchkey, or another database'
  )
}
