import type pg from 'pg'
import type { ArchiveHeader, ArchiveTable } from './archive.js'

/**
 * Selects the tables of our schema with their columns. They are found in the catalogue, so that no table of a later migration is
 * forgotten. Partitions are part of their table, and the history of migrations is part of the header. Left out are columns that
 * PostgreSQL computes, and those with ids of transactions, which have a meaning in one server only.
 */
const ownTables = `
  SELECT relname AS name, ARRAY(
    SELECT attname::text FROM pg_attribute
    WHERE attrelid = pg_class.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND atttypid <> 'xid8'::regtype
    ORDER BY attnum
  ) AS columns
  FROM pg_class
  WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND relkind IN ('r', 'p', 'f') AND NOT relispartition
    AND relname <> '_prisma_migrations'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
  ORDER BY relname COLLATE "C"`

/** Selects the sequences, which have no value before their first use. */
const ownSequences = `
  SELECT sequencename AS name, coalesce(last_value, start_value)::text AS value FROM pg_sequences
  WHERE schemaname = current_schema() ORDER BY sequencename COLLATE "C"`

/** Returns the tables of our schema, in the order of their names. */
export async function listTables(connection: pg.ClientBase): Promise<ArchiveTable[]> {
  return (await connection.query<ArchiveTable>(ownTables)).rows
}

/** Returns the sequences of our schema with the last value that each has given. */
export async function listSequences(connection: pg.ClientBase): Promise<ArchiveHeader['sequences']> {
  return (await connection.query<ArchiveHeader['sequences'][number]>(ownSequences)).rows
}
