import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { migrationNames, migrationsDirectory } from '../../src/database/migrations.js'
import { makeFolder } from '../database/folder.js'
import { readPid } from '../database/postmaster.js'
import { query, unreachableUrl } from '../database/query.js'
import { newDatabase } from '../helpers/database.js'
import { type RunningProgram, startProgram } from '../helpers/service.js'

const names = migrationNames()
const upToDate = 'The database is up to date'

t.test('an empty database is migrated and seeded by commands that can be repeated', async (t) => {
  const url = await newDatabase(t)
  const start = (command: string, env = {}, ...args: string[]) =>
    startProgram(t, `src/cli/${command}.ts`, { DATABASE_URL: url, ...env }, { args })

  const before = start('db-status')
  const unready = start('db-seed')
  t.equal(await before.ends(), 1)
  t.equal(before.stdout, `${lines('pending  ')}${names.length} pending: npm run db:migrate\n`)
  await failsWith(t, unready, /the database lacks migrations: npm run db:migrate/)

  const migrations = [start('db-migrate'), start('db-migrate')]
  for (const migration of migrations) t.equal(await migration.ends(), 0, migration.stderr)
  t.strictSame(migrations.map(({ stdout }) => stdout).sort(), [
    `${upToDate}.\n`,
    `${lines('applied ')}${upToDate}: ${names.length} applied.\n`,
  ])
  const history = await query(url, 'SELECT migration_name, checksum FROM _prisma_migrations ORDER BY 1')
  t.strictSame(
    history,
    names.map((name) => ({ migration_name: name, checksum: checksumOf(name) })),
  )

  const after = start('db-status')
  const refused = start('db-seed', { NODE_ENV: 'production' })
  t.equal(await after.ends(), 0)
  t.equal(after.stdout, `${lines('applied  ')}${upToDate}.\n`)
  await failsWith(t, refused, /NODE_ENV is production: .*--allow-production.*/)
  t.strictSame(await readUsers(url), [])

  const seeds = [start('db-seed'), start('db-seed', { NODE_ENV: 'production' }, '--allow-production')]
  for (const seed of seeds) t.equal(await seed.ends(), 0, seed.stderr)
  t.strictSame(await readUsers(url), [alice, johndoe])
})

t.test('a database that cannot be reached is one line', async (t) => {
  const env = { DATABASE_URL: await unreachableUrl() }
  const programs = ['db-migrate', 'db-migration'].map((command) =>
    startProgram(t, `src/cli/${command}.ts`, env, { args: ['name'] }),
  )
  for (const program of programs) await failsWith(t, program, /(cannot reach the|Can't reach) database.*/)
})

t.test('an error that nobody expected is told in full', async (t) => {
  const url = await newDatabase(t)
  await query(url, 'CREATE TABLE _prisma_migrations (id int)')
  const program = startProgram(t, 'src/cli/db-status.ts', { DATABASE_URL: url })
  t.equal(await program.ends(), 1)
  t.match(program.stderr, /^latchkey: error: column "migration_name" does not exist\n {4}at /)
})

t.test('without a database of yours a command brings one up for as long as it runs', async (t) => {
  const folder = await makeFolder(t)
  const program = startProgram(t, 'src/cli/db-status.ts', { DATA_DIRECTORY: folder })
  t.equal(await program.ends(), 1)
  t.match(program.stdout, `${names.length} pending`)
  t.equal(readPid(join(folder, 'postgres')), null)
})

const johndoe = {
  username: 'johndoe',
  full_name: 'John Doe',
  email: 'johndoe@example.com',
  hashed_password: '$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW',
  disabled: false,
  items: ['Foo'],
}
const alice = {
  username: 'alice',
  full_name: 'Alice Wonderson',
  email: 'alice@example.com',
  hashed_password: '$2b$12$qRHr6CaaMyskJwvVvszCnOkhV3FOIG4YNKg46O6Wdu8MtzMTetoGG',
  disabled: true,
  items: [],
}

function readUsers(url: string): Promise<object[]> {
  return query(
    url,
    `SELECT username, full_name, email, hashed_password, disabled,
       ARRAY(SELECT item_id::text FROM items WHERE owner_id = users.id) AS items
     FROM users ORDER BY username`,
  )
}

function lines(prefix: string): string {
  return names.map((name) => `${prefix}${name}\n`).join('')
}

async function failsWith(t: Test, program: RunningProgram, line: RegExp): Promise<void> {
  t.equal(await program.ends(), 1)
  t.match(program.stderr, new RegExp(`^latchkey: ${line.source}\n$`))
  t.equal(program.stdout, '')
}

function checksumOf(name: string): string {
  return createHash('sha256')
    .update(readFileSync(join(migrationsDirectory, name, 'migration.sql')))
    .digest('hex')
}
