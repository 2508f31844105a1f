import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { templateUrl } from '../helpers/database.js'
import { type RunningProgram, startProgram } from '../helpers/service.js'

const schema = 'datasource db {\n  provider = "postgresql"\n}\n\nmodel Book {\n  id Int @id\n}\n'

t.test('a changed schema is written as a migration of the project one stands in', async (t) => {
  const project = t.testdir({ prisma: { 'schema.prisma': schema, migrations: {} } })

  const first = start('init')
  const nameless = start()
  t.equal(await first.ends(), 0, first.stderr)
  const name = /^wrote prisma\/migrations\/(\d{14}_init)\/migration\.sql: read it\n$/.exec(first.stdout)?.[1]
  t.match(read(`migrations/${name}/migration.sql`), 'CREATE TABLE "Book"')
  t.equal(read(`migrations/${name}/schema.prisma`), schema)
  t.equal(await nameless.ends(), 1)
  t.equal(nameless.stderr, 'latchkey: name the migration in snake_case: add_title\n')

  const second = start('nothing')
  t.equal(await second.ends(), 0)
  t.equal(second.stdout, 'The schema has not changed.\n')

  function start(...args: string[]): RunningProgram {
    return startProgram(t, 'src/cli/db-migration.ts', { DATABASE_URL: templateUrl() }, { args, cwd: project })
  }

  function read(path: string): string {
    return readFileSync(join(project, 'prisma', path), 'utf8')
  }
})
