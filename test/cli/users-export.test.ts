import t from 'tap'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

t.test('users are exported as NDJSON, with password hashes only if they are asked for', async (t) => {
  const url = await cloneDatabase(t)
  const { stdout } = await runCommand(url, ['users', 'export'])
  t.equal(
    stdout.replaceAll(/"subject":"[\w-]{22}"/g, '"subject":"…"'),
    '{"username":"alice","email":"alice@example.com","email_verified":true,"full_name":"Alice Wonderson","disabled":true,"password_change_required":false,"scopes":[],"roles":[],"subject":"…"}\n' +
      '{"username":"johndoe","email":"johndoe@example.com","email_verified":true,"full_name":"John Doe","disabled":false,"password_change_required":false,"scopes":[],"roles":[],"subject":"…"}\n',
  )
  const withHashes = await runCommand(url, ['users', 'export', '--with-hashes', '--json'])
  t.equal(withHashes.stdout.match(/"hashed_password":"\$2b\$04\$/g)?.length, 2)
})

t.test('an export that is imported elsewhere is the same when it is exported again', async (t) => {
  const rows = [
    {
      username: 'a-user',
      email: 'a@example.com',
      email_verified: false,
      full_name: null,
      disabled: false,
      password_change_required: true,
      scopes: ['users:admin', 'orders:read'],
      roles: ['boss', 'clerk'],
      subject: 'a|1',
      hashed_password: `$6$salt$${'a'.repeat(86)}`,
    },
    {
      username: 'b-user',
      email: null,
      email_verified: false,
      full_name: 'B',
      disabled: true,
      password_change_required: false,
      scopes: [],
      roles: [],
      subject: 'b|1',
      hashed_password: null,
    },
    ...[...Array(1_000).keys()].map((number) => ({
      username: `c-user-${String(number).padStart(4, '0')}`,
      email: `${number}@example.com`,
      email_verified: true,
      full_name: 'C',
      disabled: false,
      password_change_required: false,
      scopes: [],
      roles: [],
      subject: `c|${number}`,
      hashed_password: `$2b$12$${'a'.repeat(53)}`,
    })),
  ]
  const input = rows.map((row) => `${JSON.stringify(row)}\n`).join('')
  const exports: string[] = []
  for (const from of [input, '']) {
    const url = await cloneDatabase(t)
    await query(
      url,
      `DELETE FROM users;
       INSERT INTO resources (id, name, identifier) VALUES (gen_random_uuid(), 'orders', 'urn:orders');
       INSERT INTO resource_scopes (name, resource_id) SELECT 'orders:read', id FROM resources;
       INSERT INTO roles (name) VALUES ('clerk'), ('boss')`,
    )
    await runCommand(url, ['users', 'import', '-'], { input: from || String(exports[0]) })
    exports.push((await runCommand(url, ['users', 'export', '--with-hashes'])).stdout)
  }
  t.same(exports, [input, input])
})
