import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { writeMigration } from '../../src/database/new-migration.js'
import { OperatorError } from '../../src/lifecycle/operator-error.js'
import { anyDatabase } from '../helpers/database.js'

const schema = `
datasource db {
  provider = "postgresql"
}

model Book {
  id    Int    @id
  title String
}
`
const changed = schema.replace('title String', 'title String\n  pages Int?')
const noon = new Date('2026-11-24T12:00:00.123Z')
const afternoon = new Date('2026-11-24T13:00:00Z')

t.test('the first migration builds the schema, the next one what has changed since', async (t) => {
  const project = makeProject(t)
  t.equal(await write(project, 'init', noon), '20261124120000_init')
  t.match(read(project, 'migrations/20261124120000_init/migration.sql'), 'CREATE TABLE "Book"')
  t.equal(read(project, 'migrations/20261124120000_init/schema.prisma'), schema)

  t.equal(await write(project, 'nothing', afternoon), null, 'the schema is unchanged')

  writeFileSync(join(project, 'prisma/schema.prisma'), changed)
  t.equal(await write(project, 'add_pages_2', afternoon), '20261124130000_add_pages_2')
  const sql = read(project, 'migrations/20261124130000_add_pages_2/migration.sql')
  t.match(sql, 'ALTER TABLE "Book" ADD COLUMN     "pages" INTEGER;')
  t.notMatch(sql, 'CREATE')
  t.equal(read(project, 'migrations/20261124130000_add_pages_2/schema.prisma'), changed)
})

for (const name of ['', 'Init', 'add title', 'add-title', '_init', 'init_', 'a__b', '../init', 'init\n', 'é'])
  t.test(`a migration named ${JSON.stringify(name)} is refused`, (t) =>
    t.rejects(
      write(makeProject(t), name, noon),
      new OperatorError('name the migration in snake_case: add_title'),
    ),
  )

function makeProject(t: Test): string {
  return t.testdir({
    prisma: { 'schema.prisma': schema, migrations: { 'migration_lock.toml': 'provider = "postgresql"\n' } },
  })
}

function write(project: string, name: string, now: Date): Promise<string | null> {
  return writeMigration(project, name, anyDatabase(), now)
}

function read(project: string, path: string): string {
  return readFileSync(join(project, 'prisma', path), 'utf8')
}
