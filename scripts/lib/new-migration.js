import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { diffSchemas } from './schema-engine.js'

/**
 * Writes the migration that leads from the schema of the last migration to the current one. Beside its SQL, a migration
 * keeps a copy of the schema that it leads to, from which the next one starts.
 *
 * @param {string} project the folder that holds `prisma/schema.prisma` and `prisma/migrations`
 * @param {string} name what the migration does, in snake_case
 * @param {Date} now
 * @returns {Promise<string | null>} the name of the new migration; null when the schema has not changed
 * @throws Error when the name is not in snake_case, or a schema is invalid
 */
export async function writeMigration(project, name, now) {
  if (!/^[a-z0-9]+(_[a-z0-9]+)*$/.test(name))
    throw new Error('name the migration in snake_case, for example add_title')
  const directory = join(project, 'prisma/migrations')
  const schema = readFileSync(join(project, 'prisma/schema.prisma'), 'utf8')
  const sql = await diffSchemas(lastSchema(directory), schema)
  if (isEmpty(sql)) return null
  const migration = `${now.toISOString().replace(/\D/g, '').slice(0, 14)}_${name}`
  mkdirSync(join(directory, migration))
  writeFileSync(join(directory, migration, 'migration.sql'), sql)
  writeFileSync(join(directory, migration, 'schema.prisma'), schema)
  return migration
}

/** @param {string} directory */
function lastSchema(directory) {
  const entries = readdirSync(directory, { withFileTypes: true })
  const migrations = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  const last = migrations.sort().at(-1)
  return last === undefined ? null : readFileSync(join(directory, last, 'schema.prisma'), 'utf8')
}

/** @param {string} sql */
function isEmpty(sql) {
  return sql.replace(/^--.*$/gm, '').trim() === ''
}
