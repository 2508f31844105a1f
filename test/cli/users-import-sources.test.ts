import { readFileSync } from 'node:fs'
import pg from 'pg'
import t from 'tap'
import { verifyPassword } from '../../src/passwords/verify.js'
import { readUserDocument } from '../../src/users/import/sources/user-document.js'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase, newDatabase } from '../helpers/database.js'
import { nameHosts } from '../helpers/hosts.js'

// Exports of other systems, in test/fixtures/imports/, and tables of other databases.

const argon2 = (
  JSON.parse(readFileSync('test/vectors/foreign-hashes.json', 'utf8')) as { source: string; hash: string }[]
).find(({ source }) => source.startsWith('argon2-cffi'))?.hash

/** Returns users of a database, with the kind of work of their imported hash. */
const readUsers = (url: string) =>
  query(
    url,
    `SELECT username, email, pending_email, full_name, disabled, password_change_required AS must_change, work_kind
     FROM users LEFT JOIN imported_hashes ON user_id = id WHERE username NOT IN ('johndoe', 'alice') ORDER BY username`,
  )
/** Returns whether a user has a password. */
async function isPassword(url: string, username: string, password: string): Promise<boolean> {
  const [stored] = await query<{ hash: string }>(
    url,
    `SELECT coalesce(hash, hashed_password) AS hash FROM users LEFT JOIN imported_hashes ON user_id = id
     WHERE username = $1`,
    [username],
  )
  return verifyPassword(password, stored?.hash, [])
}

const user = (username: string, facts: object) => ({
  username,
  email: null,
  pending_email: null,
  full_name: null,
  disabled: false,
  must_change: false,
  work_kind: null,
  ...facts,
})

t.test("Keycloak's export of a realm", async (t) => {
  const url = await cloneDatabase(t)
  const outcome = await runCommand(url, ['users', 'import', 'test/fixtures/imports/keycloak.json'])
  t.match(outcome, { status: 1, stdout: /6 created, 0 existing, 2 refused.\n1 user has no password/ })
  t.match(outcome.stdout, /^row 7: the user is the service account of a client\nrow 8: .*unknown algorithm/)
  t.same(await readUsers(url), [
    user('ada', { email: 'ada@example.com', full_name: 'Ada Lovelace', work_kind: 'argon2 m=7168 p=1' }),
    user('alan', { full_name: 'Turing', disabled: true, work_kind: 'pbkdf2-sha512' }),
    user('barbara', { email: 'barbara@example.com' }),
    user('donald', {}),
    user('edsger', { work_kind: 'pbkdf2-sha1' }),
    user('grace', {
      pending_email: 'grace@example.com',
      full_name: 'Grace',
      must_change: true,
      work_kind: 'pbkdf2-sha256',
    }),
  ])
  for (const username of ['ada', 'alan', 'donald', 'edsger', 'grace'])
    t.equal(await isPassword(url, username, 'secret'), true, username)
})

t.test('realm exports that are malformed', async (t) => {
  const url = await cloneDatabase(t)
  const password = (secretData: unknown, credentialData: unknown) => ({
    username: 'ada',
    credentials: [null, { type: 'password', secretData, credentialData }],
  })
  const argon2Data = (additionalParameters: unknown) =>
    JSON.stringify({ algorithm: 'argon2', hashIterations: 1, additionalParameters })
  const users = [
    null,
    password('{', '{}'),
    password('{}', '7'),
    password('{}', argon2Data(null)),
    password('{}', argon2Data({ memory: null, version: ['1.0'], type: [{ toString: 1 }] })),
    { username: 'bob12', firstName: { toString: 1 }, requiredActions: {} },
  ]
  const importText = (input: string, ...args: string[]) =>
    runCommand(url, ['users', 'import', '-', ...args], { input })
  const { stdout } = await importText(JSON.stringify({ users }))
  t.equal(stdout.match(/^row ([1-3]|[45] \(ada\)): /gm)?.length, 5, stdout)
  t.match(stdout, '1 created')
  for (const text of ['{\n"users": 7}', '{\n"users": [', '{\n', '{"users": "\xff"}'])
    t.match(await importText(text, '--format', 'keycloak'), {
      status: 1,
      stderr: /not a JSON document with a list of users/,
    })
  async function* endless() {
    const part = Buffer.alloc(67_108_864)
    for (;;) yield part
  }
  await t.rejects(readUserDocument(endless()).next(), { message: /at most 268435456 bytes/ })
})

t.test("Auth0's export of password hashes", async (t) => {
  const url = await cloneDatabase(t)
  const args = ['users', 'import', 'test/fixtures/imports/auth0.ndjson']
  t.match(await runCommand(url, args), {
    status: 1,
    stdout: /row 1 \(ada@example\.com\): username .*; --force accepts it\n[\s\S]*1 created/,
  })
  t.match(await runCommand(url, [...args, '--force']), { status: 0, stdout: /2 created, 1 existing/ })
  t.same(await readUsers(url), [
    user('ada@example.com', { email: 'ada@example.com' }),
    user('alan@example.com', { email: 'alan@example.com' }),
    user('grace', { pending_email: 'grace@example.com' }),
  ])
  t.equal(await isPassword(url, 'ada@example.com', 'secret'), true)
})

t.test("Firebase's export of users", async (t) => {
  const url = await cloneDatabase(t)
  const folder = t.testdir({
    // As the console shows them: the example of https://github.com/firebase/scrypt
    parameters: `hash_config {
      algorithm: SCRYPT,
      base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
      base64_salt_separator: Bw==,
      rounds: 8,
      mem_cost: 14,
    }`,
    wrong: 'hash_config { rounds: 8 }',
  })
  const args = ['users', 'import', 'test/fixtures/imports/firebase.json', '--force']
  t.match(await runCommand(url, args), {
    status: 1,
    stdout: /^row 1: the password hash requires --firebase-hash-config/,
  })
  const outcome = await runCommand(url, [...args, '--firebase-hash-config', `${folder}/parameters`])
  t.match(outcome, {
    status: 1,
    stdout: /^row 3: the user has no email.*\n.*1 created, 1 existing, 1 refused/,
  })
  t.same(await readUsers(url), [
    user('ada@example.com', {
      email: 'ada@example.com',
      full_name: 'Ada Lovelace',
      work_kind: 'scrypt N=16384 r=8',
    }),
    user('alan@example.com', { pending_email: 'alan@example.com', disabled: true }),
  ])
  t.equal(await isPassword(url, 'ada@example.com', 'user1password'), true)
  t.match(await runCommand(url, [...args, '--firebase-hash-config', `${folder}/wrong`]), {
    status: 1,
    stderr: /lack base64_signer_key/,
  })
})

t.test("Supabase's table auth.users as CSV", async (t) => {
  const url = await cloneDatabase(t)
  const outcome = await runCommand(url, ['users', 'import', 'test/fixtures/imports/supabase.csv', '--force'])
  t.match(outcome, { status: 1, stdout: /5 created, 0 existing, 2 refused.\n1 user has no password/ })
  t.match(outcome.stdout, /^row 7: the user was deleted\nrow 8: the user has no email/)
  const named = (name: string, facts: object) => user(`${name}@example.com`, facts)
  t.same(await readUsers(url), [
    named('ada', { email: 'ada@example.com', full_name: 'Ada, Countess of Lovelace' }),
    named('alan', { email: 'alan@example.com' }),
    named('barbara', { pending_email: 'barbara@example.com', work_kind: 'scrypt N=16384 r=8' }),
    named('edsger', { pending_email: 'edsger@example.com', disabled: true }),
    named('grace', { pending_email: 'grace@example.com', full_name: 'Grace "Amazing" Hopper' }),
  ])
  t.equal(await isPassword(url, 'ada@example.com', 'secret'), true)
  t.equal(await isPassword(url, 'barbara@example.com', 'user1password'), true, 'hashed by Firebase')
  const header = 'email,encrypted_password,email_confirmed_at,raw_user_meta_data\n'
  t.match(await runCommand(url, ['users', 'import', '-'], { input: `${header}a@example.com,,,{\n` }), {
    status: 1,
    stdout: /raw_user_meta_data is not valid JSON/,
  })
})

t.test('a JSON array has rows, and an empty file has none', async (t) => {
  const url = await cloneDatabase(t)
  const importText = (input: string) => runCommand(url, ['users', 'import', '-'], { input })
  t.match(await importText('[{"username":"grace"},\n{"username":"alan"}]'), {
    status: 0,
    stdout: 'Imported: 2 created',
  })
  t.match(await importText(''), { status: 0, stdout: 'Imported: 0 created' })
  t.match(await importText('\n \n{"username":"ada"}'), { status: 0, stdout: 'Imported: 1 created' })
})

t.test('a table of another database', async (t) => {
  const url = await cloneDatabase(t)
  const source = await newDatabase(t)
  await query(
    source,
    `CREATE SCHEMA shop;
     CREATE TABLE shop."Accounts" (id serial PRIMARY KEY, login text, mail text, is_active boolean, "Hash" text);
     INSERT INTO shop."Accounts" (login, mail, is_active, "Hash")
     SELECT 'user' || number, number || '@example.com', number <> 2, ${pg.escapeLiteral(String(argon2))}
     FROM generate_series(1, 1001) AS number`,
  )
  const { password } = new URL(source)
  const withoutPassword = new URL(source)
  withoutPassword.password = ''
  const mapping = 'username=login,email=mail,disabled=!is_active,hashed_password=Hash'
  const args = (from: string, table: string) => [
    'users',
    'import',
    '--from',
    from,
    '--table',
    table,
    '--map',
    mapping,
    '--emails-verified',
  ]
  const outcome = await runCommand(url, args(withoutPassword.href, 'shop.Accounts'), {
    env: { PGPASSWORD: decodeURIComponent(password) },
  })
  t.same(outcome, {
    status: 0,
    stdout: 'Imported: 1001 created, 0 existing, 0 refused.\n',
    stderr: 'latchkey: not imported: the column id\n',
  })
  const [first, , second] = (await readUsers(url)) as object[]
  t.match(first, { username: 'user1', email: '1@example.com', disabled: false, work_kind: 'argon2 m=64 p=2' })
  t.match(second, { username: 'user100' })
  t.same(await query(url, 'SELECT username FROM users WHERE disabled ORDER BY 1'), [
    { username: 'alice' },
    { username: 'user2' },
  ])

  const unreachable = 'postgresql://nobody:pw@127.0.0.1:1/none'
  const list = nameHosts(source, [unreachable, source])
  const folder = t.testdir({ url: `${list.replace(/^postgres(ql)?:/, 'postgresql+asyncpg:')}\n` })
  const again = args(source, 'shop.Accounts')
  t.match(await runCommand(url, again.with(2, '--from-file').with(3, `${folder}/url`)), {
    status: 0,
    stdout: /1001 existing/,
    stderr: /^(?!.*warning)/,
  })
  for (const table of ['shop.none', 'a"b'])
    t.match(await runCommand(url, args(source, table)), {
      status: 1,
      stderr: /the table cannot be read: relation/,
    })
  await query(
    source,
    'CREATE VIEW shop.broken AS SELECT 1 / (number - 1500) AS login FROM generate_series(1, 2000) AS number',
  )
  t.match(await runCommand(url, args(source, 'shop.broken')), {
    status: 1,
    stderr: /the table cannot be read: division by zero/,
  })
  t.match(await runCommand(url, args(unreachable, 'users')), {
    status: 1,
    stderr:
      /warning: other users of this machine can read the password in --from[\s\S]*the table cannot be read: .*ECONNREFUSED/,
  })
})
