import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { PassThrough, Writable } from 'node:stream'
import { gzip } from 'node:zlib'
import t, { type Test } from 'tap'
import { runCommandLine } from '../../src/cli/program.js'
import { makeFolder } from '../database/folder.js'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { backUp, contentOf, migratedDatabase } from '../helpers/archives.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { roleAndDatabase } from '../helpers/role.js'
import { startProgram } from '../helpers/service.js'

const ring = { JWT_SECRET: '' }

/** Adds rows that make an archive larger than what streams hold. */
const incompressible =
  'INSERT INTO former_usernames (digest) SELECT sha256(n::text::bytea) FROM generate_series(1, 20000) AS n'

/** Uses a database in ways that leave rows in most of its tables. */
async function useDatabase(t: Test, url: string): Promise<void> {
  const app = await startApp(t, { ...ring, REGISTRATION: 'open' }, url)
  const token = await logIn(app, 'johndoe', 'secret', 'me items:read items:write')
  await app.inject({
    method: 'POST',
    url: '/users/me/items/',
    headers: { authorization: `Bearer ${token}`, 'idempotency-key': 'k' },
    payload: { item_id: 'a\\.', title: '\\N a\\nb', description: 'é\t\\', metadata: { deep: [1, null] } },
  })
  await logIn(app, 'johndoe', 'wrong', 'me')
  for (const args of [
    ['users', 'create', 'carol', '--generate-password', '--email', 'carol@example.com'],
    ['users', 'create', 'dave', '--generate-password', '--no-change-required'],
    ['users', 'delete', 'dave', '--yes'],
    ['users', 'invite'],
    ['clients', 'create', 'reports', '--name', 'Reports', '--grant', 'client_credentials', '--scope', 'x'],
    ['clients', 'create', 'gone', '--name', 'Gone', '--public'],
    ['clients', 'delete', 'gone', '--yes'],
    [
      'resources',
      'create',
      'orders',
      '--audience',
      'https://orders.example',
      '--scope',
      'orders:read',
      '--server',
      'reports',
    ],
    ['roles', 'create', 'clerk', '--scope', 'orders:read'],
    ['roles', 'grant', 'clerk', 'johndoe'],
    ['tokens', 'revoke', '--user', 'carol'],
  ]) {
    const { status, stderr } = await runCommand(url, args)
    if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`)
  }
  await app.close()
}

t.test('a restored database has every row of every table, as it was', async (t) => {
  const url = await cloneDatabase(t)
  await useDatabase(t, url)
  const restored = await migratedDatabase(t)
  // A table that a later migration adds.
  for (const place of [url, restored])
    await query(
      place,
      `CREATE TABLE later (n bigserial PRIMARY KEY, owner uuid REFERENCES users (id), blob bytea, twice bigint GENERATED ALWAYS AS (n * 2) STORED, note text);
       CREATE SEQUENCE unused`,
    )
  await query(url, "INSERT INTO later (owner, blob, note) SELECT id, '\\x5c2e0a00', E'\\\\.' FROM users")
  const file = await backUp(t, url)
  t.equal(statSync(file).mode & 0o777, 0o600)

  t.match(await runCommand(restored, ['restore', file, '--keep-tokens']), { status: 0, stderr: '' })
  const content = await contentOf(restored)
  t.strictSame(content, await contentOf(url))
  t.equal(content.later?.length, 3)
  t.ok(Object.values(content).filter((rows) => rows.length > 0).length > 20, 'most tables have rows')
  t.match(await query(restored, "SELECT actor FROM events WHERE action = 'backup_restored'"), [
    { actor: 'cli' },
  ])
  t.strictSame(await rulesOf(restored), await rulesOf(url), 'triggers and keys are as before')
  t.match(await query(restored, "SELECT nextval('later_n_seq')::int AS n"), [{ n: 1_004 }])
})

t.test('a role that owns the tables, and is no superuser, backs up and restores', async (t) => {
  const source = await roleAndDatabase(t)
  const { role, url, owned } = await roleAndDatabase(t)
  await query(source.owned, `CREATE SCHEMA "my app" AUTHORIZATION ${source.role}`)
  await query(owned, `GRANT USAGE, CREATE ON SCHEMA public TO ${role}`)
  const other = `${source.url}?schema=my+app`
  for (const place of [url, other]) await runCommand(place, ['migrate'])
  await runCommand(other, ['seed'])
  const file = await backUp(t, other)
  t.match(await runCommand(url, ['restore', file]), { status: 0, stderr: '' })
  t.match(await runCommand(url, ['users', 'list']), { stdout: /johndoe/ })
})

t.test('a database that is new, without tables, is migrated and restored', async (t) => {
  const file = await backUp(t, await cloneDatabase(t))
  const { url, owned, role } = await roleAndDatabase(t)
  await query(owned, `GRANT USAGE, CREATE ON SCHEMA public TO ${role}`)
  const { status, stdout, stderr } = await runCommand(url, ['restore', file, '--json'])
  t.equal(status, 0, stderr)
  t.match(JSON.parse(stdout), { rows: 4, tokens_revoked: true })
})

t.test('the embedded database is created for a restore', async (t) => {
  const file = await backUp(t, await cloneDatabase(t))
  const env = { DATA_DIRECTORY: await makeFolder(t) }
  t.match(await runCommand('', ['restore', `${file}.missing`], { env }), {
    status: 1,
    stderr: /^latchkey: the archive cannot be read: ENOENT/,
  })
  t.strictSame(await readdir(env.DATA_DIRECTORY), [])
  t.match(await runCommand('', ['restore', file], { env }), { status: 0 })
  t.match(await runCommand('', ['users', 'list'], { env }), { stdout: /johndoe/ })
})

t.test('a database with content is refused, and stays as it is', async (t) => {
  const url = await cloneDatabase(t)
  const file = await backUp(t, url)
  const before = await contentOf(url)
  t.match(await runCommand(url, ['restore', file]), {
    status: 1,
    stdout: '',
    stderr: /^latchkey: the database is not empty: it has items, users; restore into a new database, .*\n$/,
  })
  t.strictSame(await contentOf(url), before)
  const started = await migratedDatabase(t)
  const app = await startApp(t, ring, started)
  await app.close()
  t.match(await runCommand(started, ['restore', file]), {
    status: 1,
    stderr: /it has mac_keys, signing_keys/,
  })
  await query(started, 'DELETE FROM mac_keys; DELETE FROM signing_keys; UPDATE clients SET generation = 1')
  t.match(await runCommand(started, ['restore', file]), { status: 1, stderr: /it has clients/ })
})

t.test(
  'a database with content is refused before the archive is read, which may take any time',
  async (t) => {
    const url = await cloneDatabase(t)
    const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()]
    const io = { env: { DATABASE_URL: url }, stdin, stdout, stderr, nodeVersion: '24.1.0', now: new Date(0) }
    t.equal(await runCommandLine(['restore', '-'], io), 1)
    t.match(stderr.read().toString(), 'the database is not empty')
  },
)

t.test('an archive goes through a pipe', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, incompressible)
  const program = startProgram(t, 'src/cli/latchkey.ts', { DATABASE_URL: url }, { args: ['backup', '-'] })
  program.process.stdout.setEncoding('latin1')
  t.equal(await program.ends(), 0, program.stderr)
  t.match(program.stderr, /^Backed up \d+ rows of \d+ tables, as of /)
  const input = Buffer.from(program.stdout, 'latin1')
  const restored = await migratedDatabase(t)
  t.match(await runCommand(restored, ['backup', 'verify', '-'], { input }), { status: 0 })
  t.match(await runCommand(restored, ['restore', '-'], { input }), { status: 0, stderr: '' })
  t.match(await runCommand(restored, ['users', 'list']), { stdout: /johndoe/ })
})

t.test('a backup whose reader goes away has failed', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, incompressible)
  const program = startProgram(t, 'src/cli/latchkey.ts', { DATABASE_URL: url }, { args: ['backup', '-'] })
  program.process.stdout.destroy()
  t.equal(await program.ends(), 1)
  t.match(program.stderr, 'latchkey: the archive cannot be written: write EPIPE')
})

t.test('what goes to standard output waits for its reader', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, incompressible)
  const chunks: Buffer[] = []
  let waiting = 0
  const stdout = new Writable({
    highWaterMark: 1,
    write(bytes: Buffer, _encoding, done) {
      chunks.push(bytes)
      // Takes longer than the next chunk of the archive, which has a quarter of these bytes.
      gzip(randomBytes(1_048_576), function take() {
        waiting += stdout.writableLength - bytes.length
        done()
      })
    },
  })
  const [stdin, stderr] = [new PassThrough(), new PassThrough()]
  const io = { env: { DATABASE_URL: url }, stdin, stdout, stderr, nodeVersion: '24.1.0', now: new Date(0) }
  t.equal(await runCommandLine(['backup', '-'], io), 0)
  t.ok(chunks.length > 2)
  t.equal(waiting, 0, 'bytes that were written before those before them were taken')
  const input = Buffer.concat(chunks)
  t.match(await runCommand(url, ['backup', 'verify', '-'], { input }), { status: 0, stderr: '' })
})

const rules = `
  SELECT tgrelid::regclass::text AS table, tgname::text AS name, tgenabled::text AS definition FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL
  SELECT conrelid::regclass::text, conname::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype = 'f' AND convalidated
  ORDER BY 1, 2`

function rulesOf(url: string): Promise<object[]> {
  return query(url, rules)
}
