import { randomUUID } from 'node:crypto'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { gunzipSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { sealedColumns } from '../../src/backup/sealed-columns.js'
import { runCommandLine } from '../../src/cli/program.js'
import { query, unreachableUrl } from '../database/query.js'
import { startApp } from '../helpers/app.js'
import {
  backUp,
  contentOf,
  migratedDatabase,
  newFile,
  type OpenArchive,
  putTogether,
  takeApart,
} from '../helpers/archives.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

const secretEnv = { KEY_ENCRYPTION_SECRET: 'the secret of the archive, 32 characters' }
const noDatabase = await unreachableUrl()

/** Creates an archive of a database with a key ring. */
async function archiveWithKeys(t: Test): Promise<string> {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '', ...secretEnv }, url)
  await app.close()
  await query(
    url,
    `INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_under, token_ttl_seconds, signs_at, retired_at)
     VALUES ('retired', 'ES256', '{}', 'another', 60, now(), now())`,
  )
  return backUp(t, url)
}

t.test('an archive is verified without a database', async (t) => {
  const file = await archiveWithKeys(t)
  const verify = (env: object, ...args: string[]) =>
    runCommand(noDatabase, ['backup', 'verify', file, ...args], { env: { ...env } })
  t.match(await verify(secretEnv), {
    status: 0,
    stdout:
      /^The archive of Latchkey \d.*, as of 20.*, is complete: \d+ rows of \d+ tables\.\nAll 2 secrets in it can be decrypted\.\n$/,
    stderr: '',
  })
  t.match(JSON.parse((await verify(secretEnv, '--json')).stdout), { secrets: 2, latchkey: String })
  const other = 'another secret, of at least 32 characters'
  t.match(await verify({ KEY_ENCRYPTION_SECRET: other }), {
    status: 1,
    stdout: '',
    stderr:
      'latchkey: the archive is complete, but 2 of 2 secrets in it (mac_keys, signing_keys) are encrypted under another KEY_ENCRYPTION_SECRET\n',
  })
  const previous = {
    KEY_ENCRYPTION_SECRET: other,
    KEY_ENCRYPTION_SECRET_PREVIOUS: secretEnv.KEY_ENCRYPTION_SECRET,
  }
  t.match(await verify(previous), { status: 0 })
})

t.test('the secrets of webhooks are verified, those of before a rotation too', async (t) => {
  const url = await cloneDatabase(t)
  const other = { KEY_ENCRYPTION_SECRET: 'another secret, of at least 32 characters' }
  const run = (env: Record<string, string>, ...args: string[]) => runCommand(url, args, { env })
  for (const name of ['audit', 'rotated'])
    await run(secretEnv, 'webhooks', 'create', name, '--url', 'https://hooks.example')
  await run(secretEnv, 'webhooks', 'rotate-secret', 'rotated')
  const file = await backUp(t, url)
  t.match(await run(secretEnv, 'backup', 'verify', file), {
    status: 0,
    stdout: /\nAll 3 secrets in it can be decrypted\.\n$/,
  })
  t.match(await run(other, 'backup', 'verify', file), {
    status: 1,
    stderr:
      'latchkey: the archive is complete, but 3 of 3 secrets in it (webhooks) are encrypted under another KEY_ENCRYPTION_SECRET\n',
  })
  const archive = takeApart(file)
  const [webhook] = await query<{ id: string }>(url, "SELECT id FROM webhooks WHERE name = 'rotated'")
  archive.rows.webhooks = String(archive.rows.webhooks).replace(String(webhook?.id), randomUUID())
  t.match(
    await run(secretEnv, 'backup', 'verify', await putTogether(t, archive)),
    { status: 1, stderr: /2 of 3 secrets in it \(webhooks\)/ },
    'a secret belongs to its webhook',
  )
})

t.test('every sealed column of the database is verified', async (t) => {
  const columns = await query(
    await cloneDatabase(t),
    `SELECT table_name::text AS table, column_name::text AS column FROM information_schema.columns
     WHERE table_schema = 'public' AND column_name LIKE 'sealed\\_%' AND data_type = 'bytea' ORDER BY 1, 2`,
  )
  t.strictSame(
    columns,
    sealedColumns
      .map(({ table, column }) => ({ table, column }))
      .sort((a, b) => (a.table < b.table ? -1 : 1)),
  )
})

t.test('a damaged archive is refused, and changes nothing', async (t) => {
  const file = await archiveWithKeys(t)
  const packed = readFileSync(file)
  const plain = gunzipSync(packed).toString()
  const url = await migratedDatabase(t)
  const before = await contentOf(url)
  const gzip = (text: string) => gzipSync(text)
  const flipped = Buffer.from(packed)
  flipped.writeUInt8(flipped.readUInt8(packed.length >> 1) ^ 1, packed.length >> 1)
  const cases: Record<string, [Uint8Array, RegExp]> = {
    'no bytes': [Buffer.alloc(0), /is truncated|is damaged/],
    'no gzip file': [Buffer.from('PGDMP'), /is damaged, or not an archive: incorrect header check/],
    'a gzip file of something else': [
      gzip('{"a": 1}\n'),
      /is not one of Latchkey: latchkey backup writes them/,
    ],
    'a text': [gzip('CREATE TABLE users ();\n'), /is not one/],
    'no line': [gzip('x'), /is truncated/],
    'a flipped bit': [flipped, /is (damaged|truncated)/],
    'a truncated file': [packed.subarray(0, packed.length - 100), /is truncated/],
    'a truncated content': [gzip(plain.slice(0, -100)), /is truncated/],
    'content without its end': [
      gzip(
        plain
          .split(/(?<=\n)/)
          .slice(0, -1)
          .join(''),
      ),
      /is truncated/,
    ],
    'another user name': [
      gzip(plain.replaceAll('johndoe', 'janedoe')),
      /the rows of items differ|the rows of users differ/,
    ],
    'a row that is gone': [gzip(plain.replace(/^.*\tjohndoe\t.*\n/m, '')), /the rows of users differ/],
    'another header': [gzip(plain.replace('"latchkey":"', '"latchkey":"9')), /differs from its checksum/],
    'another end': [
      gzip(plain.replace(/"sha256":"(.{64})"\}\n$/, `"sha256":"${'0'.repeat(64)}"}\n`)),
      /differs from its checksum/,
    ],
    'an end of no JSON': [gzip(plain.replace(/\{"rows":.*\}\n$/, '{"rows":\n')), /has an invalid line/],
    'something after the end': [gzip(`${plain}x`), /goes on after its end/],
    'zeros after the end': [Buffer.concat([packed, Buffer.alloc(100)]), /goes on after its end/],
    'many zeros after the end': [Buffer.concat([packed, Buffer.alloc(1_000_000)]), /goes on after its end/],
    'a second archive': [Buffer.concat([packed, packed]), /goes on after its end/],
    'a later format': [gzip(plain.replace('"version":1', '"version":2')), /another format version/],
    'an invalid header': [gzip(plain.replace('"tables":[', '"tables":[1,')), /has an invalid header/],
    'an endless line': [gzip('x'.repeat(2_000_000)), /has a line that is too long/],
  }
  const damaged = newFile(t)
  for (const [what, [bytes, problem]] of Object.entries(cases)) {
    writeFileSync(damaged, bytes)
    for (const args of [
      ['backup', 'verify', damaged],
      ['restore', damaged],
    ])
      t.match(
        await runCommand(url, args, { env: secretEnv }),
        { status: 1, stdout: '', stderr: new RegExp(`^latchkey: the archive .*(${problem.source}).*\n$`) },
        `${what}: ${args[0]}`,
      )
  }
  t.strictSame(await contentOf(url), before)
})

t.test('an archive that somebody wrote is refused unless it fits, and changes nothing', async (t) => {
  const file = await backUp(t, await cloneDatabase(t))
  const url = await migratedDatabase(t)
  const before = await contentOf(url)
  const rename = (archive: OpenArchive, from: string, to: string) => {
    for (const table of archive.header.tables) if (table.name === from) table.name = to
    archive.rows[to] = archive.rows[from] ?? ''
  }
  const otherTables = /has other tables than the database/
  const cases: Record<string, [(archive: OpenArchive) => unknown, RegExp]> = {
    'a table of PostgreSQL': [(archive) => rename(archive, 'events', 'pg_authid'), otherTables],
    'SQL as a table': [(archive) => rename(archive, 'events', 'users"; DROP TABLE users; --'), otherTables],
    'the history of migrations': [(archive) => rename(archive, 'events', '_prisma_migrations'), otherTables],
    'a path as a table': [(archive) => rename(archive, 'events', '../../etc/passwd'), otherTables],
    'a table twice': [
      ({ header }) => header.tables.push(header.tables[0] as (typeof header.tables)[0]),
      otherTables,
    ],
    'a table less': [({ header }) => header.tables.pop(), otherTables],
    'SQL as a column': [
      ({ header }) => header.tables[0]?.columns.push("x\") FROM PROGRAM 'id'; --"),
      otherTables,
    ],
    'no sequence': [({ header }) => header.sequences.pop(), /lacks the sequence resources_generation_seq/],
    'a sequence beyond its end': [
      ({ header }) => Object.assign(header.sequences[0] as object, { value: '9223372036854775807' }),
      /was refused by the database: .*out of range/,
    ],
    'a row of too few columns': [
      ({ rows }) => Object.assign(rows, { roles: 'clerk\n' }),
      /was refused by the database: missing data/,
    ],
    'a row that a check refuses': [
      ({ rows }) => Object.assign(rows, { users: rows.users?.replace('johndoe', 'client:x') }),
      /was refused by the database: .*users_username_no_client_check/,
    ],
    'a row twice': [
      ({ rows }) => Object.assign(rows, { users: `${rows.users}${rows.users}` }),
      /was refused by the database: duplicate key/,
    ],
    'a row without its parent': [
      ({ rows }) => Object.assign(rows, { user_roles: '00000000-0000-0000-0000-000000000000\tclerk\n' }),
      /was refused by the database: .*user_roles_role_fkey|user_roles_user_id_fkey/,
    ],
    'an earlier version': [
      ({ header }) => header.migrations.pop(),
      /is of an earlier version, .*, without 20\d+_\w+: restore it with that version into a new database, and then run latchkey migrate/,
    ],
    'a later version': [
      ({ header }) => header.migrations.push({ name: '99990101000000_later', checksum: '0'.repeat(64) }),
      /is of a later version, .*: the database lacks 99990101000000_later; restore it with that version/,
    ],
    'other migrations': [
      ({ header }) => Object.assign(header.migrations[0] as object, { checksum: '0'.repeat(64) }),
      /was made by other migrations: 20261123000000_init/,
    ],
  }
  for (const [what, [change, problem]] of Object.entries(cases)) {
    const archive = takeApart(file)
    change(archive)
    const { status, stderr } = await runCommand(url, ['restore', await putTogether(t, archive)])
    t.equal(status, 1, what)
    t.match(stderr, problem, what)
    t.match(stderr, /^latchkey: [^\n]*\n$/, what)
  }
  t.strictSame(await contentOf(url), before)
  t.match(await runCommand(url, ['restore', await putTogether(t, takeApart(file))]), { status: 0 }, 'it fits')
})

t.test('what is written is complete or not there', async (t) => {
  const url = await cloneDatabase(t)
  const folder = t.testdir({ directory: {} })
  const file = join(folder, 'a.backup')
  writeFileSync(file, 'the one before', { mode: 0o644 })
  t.match(await runCommand(noDatabase, ['backup', file]), { status: 1, stderr: /cannot reach the database/ })
  t.match(await runCommand(url, ['backup', join(folder, 'missing', 'a')]), {
    status: 1,
    stderr: /^latchkey: the archive cannot be written: ENOENT/,
  })
  t.match(await runCommand(url, ['backup', join(folder, 'directory')]), {
    status: 2,
    stderr: /not a regular file; -/,
  })
  t.match(await runCommand(await migratedDatabase(t), ['restore', folder]), {
    status: 1,
    stderr: /the archive cannot be read: EISDIR/,
  })
  const terminal = new PassThrough()
  const io = {
    env: { DATABASE_URL: url },
    stdin: terminal,
    stderr: terminal,
    nodeVersion: '24.1.0',
    now: new Date(0),
  }
  t.equal(
    await runCommandLine(['backup', '-'], { ...io, stdout: Object.assign(terminal, { isTTY: true }) }),
    2,
  )
  await query(url, 'CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER nothing FOREIGN DATA WRAPPER nothing')
  await query(url, 'CREATE FOREIGN TABLE unreadable (n int) SERVER nothing')
  t.match(await runCommand(url, ['backup', file]), {
    status: 1,
    stderr: /foreign-data wrapper "nothing" has no handler/,
  })
  await query(url, 'DROP FOREIGN DATA WRAPPER nothing CASCADE')
  t.equal(readFileSync(file, 'utf8'), 'the one before')
  t.match(await runCommand(url, ['backup', file]), { status: 0 })
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.strictSame((await readdir(folder)).sort(), ['a.backup', 'directory'])
})
