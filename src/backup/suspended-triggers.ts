import pg from 'pg'

interface Trigger {
  table: string
  name: string
  /** When it fires (`tgenabled`): always (A), by default (O), or only while changes are replicated (R). */
  fires: 'A' | 'O' | 'R'
}

interface ForeignKey {
  table: string
  name: string
  definition: string
}

/** Selects the enabled triggers of our tables. The internal ones are those of constraints. */
const enabledTriggers = `
  SELECT relname AS table, tgname AS name, tgenabled AS fires
  FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
  WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND NOT relispartition AND NOT tgisinternal AND tgenabled <> 'D'`

/** Selects the foreign keys of our tables, without the copies that partitions have. */
const foreignKeys = `
  SELECT relname AS table, conname AS name, pg_get_constraintdef(pg_constraint.oid) AS definition
  FROM pg_constraint JOIN pg_class ON pg_class.oid = conrelid
  WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND contype = 'f' AND conparentid = 0`

/** Clauses that enable a trigger, by when it fires. */
const modes = { A: 'ENABLE ALWAYS', O: 'ENABLE', R: 'ENABLE REPLICA' }

/**
 * Lets rows be stored as they are, in any order, until the transaction resumes the triggers: none fires, and no foreign key is checked.
 * It requires the owner of the tables, but no superuser: foreign keys are dropped, as only a superuser can disable their triggers.
 *
 * @returns a function that resumes the triggers. It adds the foreign keys again, which checks all rows
 */
export async function suspendTriggers(session: pg.Client): Promise<() => Promise<void>> {
  const { rows: triggers } = await session.query<Trigger>(enabledTriggers)
  const { rows: keys } = await session.query<ForeignKey>(foreignKeys)
  await session.query(
    [
      ...triggers.map(({ table, name }) => alter(table, `DISABLE TRIGGER ${quote(name)}`)),
      ...keys.map(({ table, name }) => alter(table, `DROP CONSTRAINT ${quote(name)}`)),
    ].join(';'),
  )
  return async function resumeTriggers() {
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
