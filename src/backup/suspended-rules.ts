import pg from 'pg'

/** A trigger, and when it fires: always (A), by default (O) or only while changes are replicated (R). */
interface Trigger {
  table: string
  name: string
  fires: 'A' | 'O' | 'R'
}

interface ForeignKey {
  table: string
  name: string
  definition: string
}

/** Enabled triggers of our tables. Those of foreign keys are internal. */
const enabledTriggers = `
  SELECT relname AS table, tgname AS name, tgenabled AS fires
  FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
  WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND NOT relispartition AND NOT tgisinternal AND tgenabled <> 'D'`

const foreignKeys = `
  SELECT relname AS table, conname AS name, pg_get_constraintdef(pg_constraint.oid) AS definition
  FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
  WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND contype = 'f' AND conparentid = 0`

const modes = { A: 'ENABLE ALWAYS', O: 'ENABLE', R: 'ENABLE REPLICA' }

/**
 * Lets rows be stored as they are, in any order, until the transaction resumes the rules: no trigger fires, and no foreign key is
 * checked. The owner of the tables may do so, who need not be a superuser.
 *
 * @returns a function that resumes them. It adds the foreign keys again, which checks all rows
 */
export async function suspendRules(session: pg.Client): Promise<() => Promise<void>> {
  const { rows: triggers } = await session.query<Trigger>(enabledTriggers)
  const { rows: keys } = await session.query<ForeignKey>(foreignKeys)
  await session.query(
    [
      ...triggers.map(({ table, name }) => alter(table, `DISABLE TRIGGER ${quote(name)}`)),
      ...keys.map(({ table, name }) => alter(table, `DROP CONSTRAINT ${quote(name)}`)),
    ].join(';'),
  )
  return async function resumeRules() {
    await session.query(
      [
        ...keys.map(({ table, name, definition }) =>
          alter(table, `ADD CONSTRAINT ${quote(name)} ${definition}`),
        ),
        ...triggers.map(({ table, name, fires }) => alter(table, `${modes[fires]} TRIGGER ${quote(name)}`)),
      ].join(';'),
    )
  }
}

function alter(table: string, change: string): string {
  return `ALTER TABLE ${quote(table)} ${change}`
}

const quote = pg.escapeIdentifier
