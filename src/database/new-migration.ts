import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OperatorError } from '../lifecycle/operator-error.js'
import { diffSchemas, withSchemaEngine } from './engine.js'
import { migrationNames } from './migrations.js'

/**
 * Writes the migration that leads from the last one's schema to the schema as it is now. Beside its SQL a migration
 * keeps a copy of the schema that it leads to, for the next one to start from.
 *
 * @param project the folder that holds `prisma/schema.prisma` and `prisma/migrations`
 * @param name what the migration does, in snake_case
 * @param url any database: the engine wants one, and leaves it alone
 * @returns the new migration's name, or null when the schema has not changed
 * @throws OperatorError when the name is not snake_case
 */
export async function writeMigration(
  project: string,
  name: string,
  url: string,
  now: Date,
): Promise<string | null> {
  if (!/^[a-z0-9]+(_[a-z0-9]+)*$/.test(name))
    throw new OperatorError('name the migration in snake_case: add_title')
  const directory = join(project, 'prisma/migrations')
  const schema = readFileSync(join(project, 'prisma/schema.prisma'), 'utf8')
  const sql = await withSchemaEngine(url, (engine) => diffSchemas(engine, lastSchema(directory), schema))
  if (isEmpty(sql)) return null
  const migration = `${now.toISOString().replace(/\D/g, '').slice(0, 14)}_${name}`
  mkdirSync(join(directory, migration))
  writeFileSync(join(directory, migration, 'migration.sql'), sql)
  writeFileSync(join(directory, migration, 'schema.prisma'), schema)
  return migration
}

function lastSchema(directory: string): string | null {
  const last = migrationNames(directory).at(-1)
  return last === undefined ? null : readFileSync(join(directory, last, 'schema.prisma'), 'utf8')
}

function isEmpty(sql: string): boolean {
  return sql.replace(/^--.*$/gm, '').trim() === ''
}
