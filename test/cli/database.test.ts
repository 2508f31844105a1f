import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startEmbeddedPostgres } from '../../src/database/embedded/index.js'
import { migrationNames } from '../../src/database/migration-history.js'
import { migrationsDirectory } from '../../src/files.js'
import { version } from '../../src/manifest.js'
import { makeFolder } from '../database/folder.js'
import { readPid } from '../database/postmaster.js'
import { query, unreachableUrl } from '../database/query.js'
import { startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { newDatabase } from '../helpers/database.js'
import { startProgram } from '../helpers/service.js'

const names = migrationNames()
const upToDate = 'The database is up to date.\n'
const production = {
  NODE_ENV: 'production',
  ISSUER: 'https://latchkey.example.com',
  BCRYPT_COST: '10',
  KEY_ENCRYPTION_SECRET: 'a secret of more than thirty-two characters',
}

t.test('an empty database is migrated and seeded by commands that can be repeated', async (t) => {
  const url = await newDatabase(t)
  const run = (command: string, env = {}, ...args: string[]) => runCommand(url, [command, ...args], { env })

  const before = await run('status')
  t.equal(before.status, 4)
  t.match(before.stdout, new RegExp(`^migration +state\\n${names[0]} +pending\n`))
  t.equal(before.stderr, `latchkey: ${names.length} pending: run latchkey migrate\n`)
  t.same(await run('seed'), {
    status: 1,
    stdout: '',
    stderr: 'latchkey: the database lacks migrations: run latchkey migrate\n',
  })

  const start = () => startProgram(t, 'src/cli/latchkey.ts', { DATABASE_URL: url }, { args: ['migrate'] })
  const migrations = [start(), start()]
  for (const migration of migrations) t.equal(await migration.ends(), 0, migration.stderr)
  t.strictSame(migrations.map(({ stdout }) => stdout).sort(), [
    upToDate,
    `${names.map((name) => `applied ${name}\n`).join('')}${upToDate}`,
  ])
  const history = await query(url, 'SELECT migration_name, checksum FROM _prisma_migrations ORDER BY 1')
  t.strictSame(
    history,
    names.map((name) => ({ migration_name: name, checksum: checksumOf(name) })),
  )
  t.same(await run('migrate', {}, '--json'), {
    status: 0,
    stdout: '{\n  "applied": [],\n  "notices": []\n}\n',
    stderr: '',
  })

  const after = await run('status', {}, '--json')
  t.equal(after.status, 0)
  t.same(
    JSON.parse(after.stdout),
    names.map((migration) => ({ migration, state: 'applied' })),
  )
  t.match(await run('seed', production), {
    status: 4,
    stderr: /^latchkey: the rules of production apply, .*\n$/,
  })
  t.strictSame(await readUsers(url), [])
  const seeds = await Promise.all([run('seed'), run('seed', production, '--allow-production')])
  for (const { status, stderr } of seeds) t.equal(status, 0, stderr)
  t.strictSame(await readUsers(url), [alice, johndoe])
  await query(url, "DELETE FROM users WHERE username = 'alice'")
  t.match(await run('seed'), {
    stdout: /has johndoe \(.*\) and no alice, whose name was used and deleted\.\n$/,
  })
  t.strictSame(await readUsers(url), [johndoe])
})

t.test('a check says by its exit status how the migrations differ, and changes nothing', async (t) => {
  const url = await newDatabase(t)
  const check = (...args: string[]) => runCommand(url, ['migrate', '--check', ...args])
  const refuses = async (status: number, code: string, message: RegExp) => {
    t.match(await check(), { status, stdout: '', stderr: message })
    const { stderr } = await check('--json')
    t.match(JSON.parse(stderr), { error: { code, message } })
  }

  await refuses(4, 'refused', new RegExp(`${names.length} pending: run latchkey migrate`))
  t.strictSame(await query(url, "SELECT FROM pg_tables WHERE schemaname = 'public'"), [])
  await runCommand(url, ['migrate'])
  t.match(await check(), { status: 0, stdout: /all migrations of this version, and no others/, stderr: '' })
  t.same(JSON.parse((await check('--json')).stdout), { applied: names })

  await query(
    url,
    "INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) VALUES ('1', 'x', '99990101000000_later', now())",
  )
  await refuses(5, 'newer_schema', /migrations of a later version: 99990101000000_later/)
  t.match(await runCommand(url, ['status']), { status: 0, stdout: /99990101000000_later +unknown\n/ })
  await query(url, 'DELETE FROM _prisma_migrations WHERE migration_name = $1', [names.at(-1)])
  await refuses(4, 'refused', /1 pending/)
  await query(url, "UPDATE _prisma_migrations SET checksum = 'x' WHERE migration_name = $1", [names[0]])
  await refuses(6, 'changed_migrations', new RegExp(`other files than those of this version: ${names[0]}`))
  t.match(await runCommand(url, ['status']), { status: 4, stdout: new RegExp(`${names[0]} +changed\n`) })
})

t.test('a database that cannot be reached is reported in one line', async (t) => {
  const url = await unreachableUrl()
  for (const args of [['migrate'], ['status'], ['users', 'list']])
    t.match(await runCommand(url, args), {
      status: 1,
      stdout: '',
      stderr: /^latchkey: (cannot reach the|Can't reach) database.*\n$/,
    })
})

t.test('an unexpected error is one line, and has a stack if that is wanted', async (t) => {
  const url = await newDatabase(t)
  await query(url, 'CREATE TABLE _prisma_migrations (id int)')
  const line =
    'unexpected error: column "migration_name" does not exist; please report it with the output of --verbose'
  t.same(await runCommand(url, ['status']), { status: 1, stdout: '', stderr: `latchkey: ${line}\n` })
  const { stderr } = await runCommand(url, ['status', '--verbose'])
  t.ok(stderr.startsWith(`latchkey: ${line}\nerror: column`))
  t.match(stderr, /\n {4}at /)
  const json = await runCommand(url, ['status', '--json'])
  t.same(JSON.parse(json.stderr), { error: { code: 'unexpected', message: line } })
})

t.test(
  'without a DATABASE_URL a command starts an existing embedded database, or uses the one that runs',
  async (t) => {
    const folder = await makeFolder(t)
    const home = join(folder, 'postgres')
    const env = { DATA_DIRECTORY: folder }
    for (const args of [['migrate'], ['status'], ['users', 'list']])
      t.match(await runCommand('', args, { env }), {
        status: 1,
        stdout: '',
        stderr:
          /^latchkey: there is no database: DATABASE_URL is not set, and the service has not created one in /,
      })
    t.same(await readdir(folder), [], 'nothing was made')
    const first = await startEmbeddedPostgres(home)
    await first.stop()
    t.match(await runCommand('', ['migrate'], { env }), { status: 0, stdout: /up to date/ })
    t.equal(readPid(home), null, 'it is stopped afterwards')
    const running = await startEmbeddedPostgres(home)
    t.teardown(running.stop)
    t.match(await runCommand('', ['status'], { env }), { status: 0, stdout: /applied/ })
    t.match(await runCommand('', ['doctor'], { env }), { stdout: /ok +sessions/ })
    t.ok(readPid(home), 'it keeps running')
  },
)

t.test('the OpenAPI document is printed without a database, and is the one that is served', async (t) => {
  const app = await startApp(t, { JWT_SECRET: '' })
  const served = (await app.inject('/openapi.json')).json<object>()
  const folder = await makeFolder(t)
  for (const env of [
    { DATABASE_URL: await unreachableUrl(), DATABASE_REPLICA_URL: await unreachableUrl() },
    { DATABASE_URL: '', DATA_DIRECTORY: folder },
    { DATABASE_URL: '', NODE_ENV: 'production' },
  ]) {
    const { status, stdout, stderr } = await runCommand('', ['openapi'], { env })
    t.equal(status, 0, stderr)
    t.match(JSON.parse(stdout), { openapi: /^3\.1/, paths: { '/token': {} } })
    t.same(JSON.parse(stdout), served)
  }
  for (const [args, expected] of [
    [['--version', '3.0'], { openapi: '3.0.3' }],
    [['--profile', 'clients'], { openapi: '3.1.0', components: { schemas: { TokenRequest: {} } } }],
  ] as const) {
    const { stdout } = await runCommand('', ['openapi', ...args], { env: { DATABASE_URL: '' } })
    t.match(JSON.parse(stdout), expected, args.join(' '))
  }
  t.match(await runCommand('', ['openapi', '--version', '2.0'], {}), { status: 2, stderr: /3\.1, 3\.0/ })
  t.same(await readdir(folder), [], 'no embedded database was made')
})

t.test('every command has help, and unknown arguments are wrong usage', async (t) => {
  const url = await unreachableUrl()
  for (const args of [
    [],
    ['users'],
    ['users', 'create'],
    ['clients'],
    ['keys', 'rotate'],
    ['tokens'],
    ['migrate'],
  ]) {
    const help = await runCommand(url, [...args, '--help'])
    t.equal(help.status, 0, args.join(' '))
    t.match(help.stdout, new RegExp(`^Usage: latchkey ${args.join(' ')}`))
  }
  for (const command of ['--version', 'version'])
    t.same(await runCommand(url, [command]), { status: 0, stdout: `${version}\n`, stderr: '' })
  t.match(
    (await runCommand(url, ['--help'])).stdout,
    /Exit status: 0 for success, 1 for failure, 2 for wrong usage, 3 if not found,\n4 if the/,
  )
  for (const args of [
    ['frob'],
    ['users'],
    ['users', 'frob'],
    ['users', 'create'],
    ['users', 'list', '--frob'],
    ['seed', 'x'],
  ])
    t.equal((await runCommand(url, args)).status, 2, args.join(' '))
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

function checksumOf(name: string): string {
  return createHash('sha256')
    .update(readFileSync(join(migrationsDirectory, name, 'migration.sql')))
    .digest('hex')
}
