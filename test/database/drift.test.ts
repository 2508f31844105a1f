import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { diffSchemas } from '#scripts/lib/schema-engine.js'
import { migrationNames } from '../../src/database/migration-history.js'
import { migrationsDirectory } from '../../src/files.js'
import { cloneDatabase, newDatabase } from '../helpers/database.js'
import { query } from './query.js'

const schema = readFileSync(join(migrationsDirectory, '../schema.prisma'), 'utf8')

const catalogues = {
  columns: `
    SELECT relname, attname, format_type(atttypid, atttypmod) AS type, attnotnull,
      pg_get_expr(adbin, adrelid) AS default, attidentity, attgenerated
    FROM pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid AND relkind IN ('r', 'p', 'v', 'm', 'S')
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped
      AND relname <> '_prisma_migrations'
    ORDER BY relname, attname`,
  // Indexes on expressions or of a part of a table, which Prisma's schema cannot express, are compared below.
  indexes: `
    SELECT indexdef FROM pg_indexes
    JOIN pg_index ON indexrelid = format('%I.%I', schemaname, indexname)::regclass AND indexprs IS NULL AND indpred IS NULL
    WHERE schemaname = 'public' AND tablename <> '_prisma_migrations' ORDER BY 1`,
  // Prisma's schema cannot express checks, and PostgreSQL lists a column's NOT NULL here too.
  keys: `
    SELECT conrelid::regclass::text AS table, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f', 'x')
      AND conrelid <> COALESCE(to_regclass('_prisma_migrations'), 0)
    ORDER BY 1, 2`,
  enums: 'SELECT enumtypid::regtype::text AS type, enumlabel FROM pg_enum ORDER BY 1, enumsortorder',
}

t.test('the migrations produce the schema of schema.prisma', async (t) => {
  const migrated = await describe(await cloneDatabase(t))
  t.strictSame(migrated, await describe(await buildFromSchema(t)))
  t.match(
    migrated.columns?.find((column) => 'relname' in column && column.relname === 'items'),
    { attname: 'created_at', type: 'timestamp(3) with time zone' },
  )
  t.ok(migrated.indexes?.length && migrated.keys?.length, 'something was compared')
})

t.test('these are the only indexes on expressions or of a part of a table', async (t) => {
  const definitions = await query(
    await cloneDatabase(t),
    `SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE relnamespace = 'public'::regnamespace AND (indexprs IS NOT NULL OR indpred IS NOT NULL) ORDER BY 1`,
  )
  t.strictSame(definitions, [
    {
      definition:
        'CREATE INDEX outbox_dead_idx ON public.outbox USING btree (kind, target) WHERE ((next_attempt_at IS NULL) AND (delivered_at IS NULL))',
    },
    {
      definition:
        'CREATE INDEX outbox_pending_idx ON public.outbox USING btree (kind, target, created_at) WHERE (next_attempt_at IS NOT NULL)',
    },
    {
      definition:
        'CREATE INDEX users_hash_cost_idx ON public.users USING btree (((substr((hashed_password)::text, 5, 2))::smallint))',
    },
    {
      definition: String.raw`CREATE UNIQUE INDEX resources_identifier_path_key ON public.resources USING btree (regexp_replace((identifier)::text, '^([^:/?]+://[^/?]*)(\?|$)'::text, '\1/\2'::text))`,
    },
  ])
})

const differences = [
  'ALTER TABLE items ADD COLUMN extra text',
  'ALTER TABLE items ALTER COLUMN item_id DROP NOT NULL',
  'ALTER TABLE items ALTER COLUMN title TYPE varchar(256)',
  "ALTER TABLE items ALTER COLUMN title SET DEFAULT 'untitled'",
  'DROP INDEX items_owner_id_title_id_idx',
  'ALTER TABLE refresh_tokens DROP CONSTRAINT refresh_tokens_family_id_fkey',
  'CREATE TABLE extra (id int)',
  "CREATE TYPE extra AS ENUM ('one')",
]

t.test('the comparison detects differences', async (t) => {
  const expected = await describe(await cloneDatabase(t))
  for (const difference of differences) {
    const url = await cloneDatabase(t)
    await query(url, difference)
    t.strictNotSame(await describe(url), expected, difference)
  }
})

t.test('the newest migration keeps a copy of the current schema', (t) => {
  const newest = join(migrationsDirectory, migrationNames().at(-1) ?? '', 'schema.prisma')
  t.equal(readFileSync(newest, 'utf8'), schema, 'otherwise: npm run db:migration -- NAME')
  t.end()
})

async function buildFromSchema(t: Parameters<typeof newDatabase>[0]): Promise<string> {
  const url = await newDatabase(t)
  await query(url, await diffSchemas(null, schema))
  return url
}

async function describe(url: string): Promise<Record<string, object[]>> {
  const found: Record<string, object[]> = {}
  for (const [name, sql] of Object.entries(catalogues)) found[name] = await query(url, sql)
  return found
}
