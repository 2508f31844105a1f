import t from 'tap'
import { migrationNames, readMigration } from '../../src/database/migration-history.js'
import { previousMigrations } from '../helpers/previous-release.js'

// While a rolling deployment lasts, processes of the release before use the schema that a migration leaves. These rules find
// statements that can break them, or that lock a table with rows for long. test/rolling runs the release before.

/** What a statement must not do to a table that existed before its migration, and how to do it instead. */
const rules: Record<string, [pattern: RegExp, instead: string]> = {
  'drops a table': [/^DROP TABLE/, 'drop it in the release after the last one that uses it'],
  'drops a column': [/\bDROP COLUMN/, 'drop it in the release after the last one that uses it'],
  'renames a table or column': [/^ALTER TABLE .*\bRENAME (COLUMN|TO)/s, 'add another one'],
  'changes a type': [/\bALTER COLUMN "\w+" (SET DATA )?TYPE/, 'add another column'],
  'requires a value': [/\bALTER COLUMN "\w+" SET NOT NULL/, 'add a default in an earlier release'],
  'drops a default': [/\bALTER COLUMN "\w+" DROP DEFAULT/, 'drop it in a later release'],
  'adds a column that has no default and no null': [
    /\bADD COLUMN\s+"\w+" (?![^,]*\bDEFAULT\b)[^,]*\bNOT NULL/,
    'add a default, or make it optional',
  ],
  'adds a constraint': [
    /\bADD CONSTRAINT(?!.*\b(NOT VALID|USING INDEX)\b)/,
    'add it as NOT VALID, and validate it later',
  ],
  'rewrites a table': [
    /\bADD COLUMN .*\bDEFAULT [^,]*\b(gen_random_uuid|clock_timestamp|random)\(/,
    'fill the column in batches',
  ],
  'drops a function': [/^DROP FUNCTION/, 'replace it by one that does nothing'],
  'builds an index': [
    /^CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)/,
    'CREATE INDEX CONCURRENTLY, as a migration of its own',
  ],
}

/** Statements of migrations since the release before that break a rule, and why that does no harm. */
const exceptions: Record<string, Record<string, string>> = {
  '20261128010000_names': { 'builds an index': 'on a new column, whose values are all null' },
  '20261128020000_client_rights': { 'adds a constraint': 'there are few clients' },
  '20261128030000_recovery_tokens': {
    'builds an index': 'on a new column of few rows',
    'adds a constraint': 'on a new column of few rows',
  },
  '20261128030000_stored_answers': {
    'builds an index': 'on a new column of rows that live for a day',
    'adds a constraint': 'on a new column of rows that live for a day',
  },
  '20261128050000_hash_costs': { 'builds an index': 'takes seconds for a million users' },
  '20261128125004_resources': {
    'changes a type':
      'rewrites nothing. Connections of 0.1.0 answer 500 to refreshes until they are closed: see the changelog',
    'rewrites a table':
      'takes seconds for a million users, and subjects must be there before tokens name them',
    'builds an index': 'on new columns',
    'adds a constraint': 'on new columns, or weaker than the one before',
  },
  '20261128200600_departures': { 'drops a function': 'of a trigger that is dropped with it' },
  '20261128224127_status_lists': { 'adds a constraint': 'there are few departures' },
  '20261129080000_webhooks': { 'adds a constraint': 'there are few departures' },
  '20261129104500_outbox_backlog': { 'builds an index': 'on a table that the release before does not have' },
}

interface Breach {
  migration: string
  rule: string
  statement: string
}

/** Returns the statements of a migration that break a rule. */
function findBreaches(migration: string, sql: string): Breach[] {
  const created = [...sql.matchAll(/^CREATE TABLE "(\w+)"/gm)].map(([, table]) => table)
  return statementsOf(sql).flatMap((statement) => {
    const [, table] =
      /^(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX (?:CONCURRENTLY )?"\w+" ON) "(\w+)"/.exec(statement) ?? []
    if (created.includes(table)) return []
    return Object.entries(rules)
      .filter(([, [pattern]]) => pattern.test(statement))
      .map(([rule]) => ({ migration, rule, statement }))
  })
}

/** Returns the statements without comments. Semicolons in functions are escaped. */
function statementsOf(sql: string): string[] {
  return sql
    .replaceAll(/^--.*$/gm, '')
    .split(/;\s*$/m)
    .map((statement) => statement.trim())
}

t.test(
  'no migration since the release before breaks its processes, or locks a large table for long',
  async (t) => {
    const names = migrationNames().filter((name) => !previousMigrations().includes(name))
    const found = names.flatMap((name) => findBreaches(name, readMigration(name)))
    for (const { migration, rule, statement } of found)
      t.ok(exceptions[migration]?.[rule], `${migration} ${rule}: ${rules[rule]?.[1]}: ${statement}`)
    for (const [migration, reasons] of Object.entries(exceptions))
      for (const rule of Object.keys(reasons))
        t.ok(
          found.some((breach) => breach.migration === migration && breach.rule === rule),
          `the exception ${migration}: ${rule} is needed`,
        )
  },
)

t.test('each rule finds what it is about', async (t) => {
  const breaches = {
    'drops a table': 'DROP TABLE "items";',
    'drops a column': 'ALTER TABLE "items" DROP COLUMN "title";',
    'renames a table or column': 'ALTER TABLE "items" RENAME COLUMN "title" TO "name";',
    'changes a type': 'ALTER TABLE "items" ALTER COLUMN "title" SET DATA TYPE TEXT;',
    'requires a value': 'ALTER TABLE "items" ALTER COLUMN "title" SET NOT NULL;',
    'drops a default': 'ALTER TABLE "items" ALTER COLUMN "title" DROP DEFAULT;',
    'adds a column that has no default and no null':
      'ALTER TABLE "items" ADD COLUMN     "a" INTEGER DEFAULT 0,\nADD COLUMN     "colour" TEXT NOT NULL;',
    'adds a constraint': 'ALTER TABLE "items" ADD CONSTRAINT "c" CHECK ("title" <> \'\');',
    'rewrites a table': 'ALTER TABLE "items" ADD COLUMN "key" UUID DEFAULT gen_random_uuid();',
    'drops a function': 'DROP FUNCTION touch_row();',
    'builds an index': 'CREATE INDEX "i" ON "items"("title");',
  }
  t.strictSame(Object.keys(breaches), Object.keys(rules))
  for (const [rule, sql] of Object.entries(breaches))
    t.match(findBreaches('m', sql), [{ rule, statement: sql.slice(0, -1) }], rule)
  const harmless = [
    'CREATE TABLE "new" ("id" INTEGER NOT NULL);\nCREATE INDEX "i" ON "new"("id");\nALTER TABLE "new" ADD CONSTRAINT "c" CHECK (true);',
    'ALTER TABLE "items" ADD COLUMN     "colour" TEXT NOT NULL DEFAULT \'red\',\nADD COLUMN     "a" TEXT;',
    'ALTER TABLE "items" ADD CONSTRAINT "c" CHECK (true) NOT VALID;',
    'CREATE UNIQUE INDEX CONCURRENTLY "i" ON "items"("title");',
    '-- DROP TABLE "items";',
  ]
  for (const sql of harmless) t.strictSame(findBreaches('m', sql), [], sql)
})
