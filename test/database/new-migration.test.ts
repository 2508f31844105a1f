import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { writeMigration } from '#scripts/lib/new-migration.js'

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

t.test('the first migration builds the schema, the next one applies what has changed since', async (t) => {
  const project = makeProject(t)
  t.equal(await writeMigration(project, 'init', noon), '20261124120000_init')
  t.match(read(project, 'migrations/20261124120000_init/migration.sql'), 'CREATE TABLE "Book"')
  t.equal(read(project, 'migrations/20261124120000_init/schema.prisma'), schema)

  t.equal(await writeMigration(project, 'nothing', afternoon), null, 'the schema is unchanged')

  writeFileSync(join(project, 'prisma/schema.prisma'), changed)
  t.equal(await writeMigration(project, 'add_pages_2', afternoon), '20261124130000_add_pages_2')
  const sql = read(project, 'migrations/20261124130000_add_pages_2/migration.sql')
  t.match(sql, 'ALTER TABLE "Book" ADD COLUMN     "pages" INTEGER;')
  t.notMatch(sql, 'CREATE')
  t.equal(read(project, 'migrations/20261124130000_add_pages_2/schema.prisma'), changed)
})

for (const name of ['', 'Init', 'add title', 'add-title', '_init', 'init_', 'a__b', '../init', 'init\n', 'é'])
  t.test(`a migration named ${JSON.stringify(name)} is refused`, (t) =>
    t.rejects(
      writeMigration(makeProject(t), name, noon),
      new Error('name the migration in snake_case, for example add_title'),
    ),
  )

t.test('the script writes a migration of the project in the current folder', (t) => {
  const project = makeProject(t)
  const first = runScript(project, 'init')
  t.match(first, { status: 0, stdout: /^wrote prisma\/migrations\/\d{14}_init\/migration\.sql: read it/ })
  t.match(runScript(project, 'nothing'), { status: 0, stdout: 'The schema has not changed.\n' })
  t.match(runScript(project), { status: 1, stderr: /^new-migration: name the migration/ })
  t.end()
})

function runScript(project: string, ...args: string[]) {
  const script = fileURLToPath(import.meta.resolve('#scripts/new-migration.js'))
  return spawnSync(process.execPath, [script, ...args], { cwd: project, encoding: 'utf8' })
}

function makeProject(t: Test): string {
  return t.testdir({
    prisma: { 'schema.prisma': schema, migrations: { 'migration_lock.toml': 'provider = "postgresql"\n' } },
  })
}

function read(project: string, path: string): string {
  return readFileSync(join(project, 'prisma', path), 'utf8')
}
