import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { endWithReader } from '../../src/cli/output.js'
import { migrate } from '../../src/database/migrations.js'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { fc } from '../helpers/properties.js'

const evil =
  'Eve\x1b[2K\x1b[1G\nzroot  root@corp.example\x1b]52;c;cm0=\x07\u202e\u0085\u2028\u{e0001}\ud83d\ude00'
const escaped =
  'Eve\\u{1b}[2K\\u{1b}[1G\\u{a}zroot  root@corp.example\\u{1b}]52;c;cm0=\\u{7}\\u{202e}\\u{85}\\u{2028}\\u{e0001}😀'
const dangerous = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/u
const hash = `$2b$04$${'a'.repeat(53)}`

t.test('stored text stays in its line and column, whatever its characters', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, 'UPDATE users SET full_name = $1, email = NULL', [evil])
  await query(url, 'UPDATE clients SET name = $1', [evil])
  const users = await runCommand(url, ['users', 'list'])
  t.equal(users.stdout.split('\n').length, 4, 'a line of names, two users')
  t.equal(users.stdout.split(escaped).length, 3)
  t.notMatch(users.stdout, dangerous)
  const clients = await runCommand(url, ['clients', 'list'])
  t.notMatch(clients.stdout, dangerous)
  const json = await runCommand(url, ['users', 'list', '--json'])
  t.notMatch(json.stdout, dangerous)
  t.match(
    JSON.parse(json.stdout),
    [{ full_name: evil }, { full_name: evil }],
    'the JSON has the same meaning',
  )
})

t.test('nothing that can control a terminal is printed, whatever is stored or given', async (t) => {
  const url = await cloneDatabase(t)
  const odd = fc.string({
    unit: fc.constantFrom(...evil, 'a', '田', '\u0301', '\x9b', '\ufeff'),
    minLength: 1,
    maxLength: 20,
  })
  await fc.assert(
    fc.asyncProperty(odd, async (text) => {
      const username = text.isWellFormed() && !text.startsWith('-') ? text : 'a\x9bb'
      await query(url, 'DELETE FROM users')
      await query(
        url,
        `INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), $1, '${hash}')`,
        [username],
      )
      for (const args of [
        ['users', 'list'],
        ['users', 'list', '--json'],
        ['users', 'list', '--after', username],
        ['users', 'disable', '--', username],
        ['users', 'disable', '--', `${username}?`],
        ['users', 'set-scopes', 'x', '--scope', username],
        ['users', 'create', '--', username],
        ['clients', 'create', 'x', '--name', username],
        ['tokens', 'revoke', '--user', username],
        [username],
      ]) {
        const { stdout, stderr } = await runCommand(url, args, { input: 'correct horse' })
        if (dangerous.test(stdout + stderr)) throw new Error(JSON.stringify([args, stdout, stderr]))
      }
    }),
    { numRuns: 6 },
  )
  t.pass()
})

t.test('columns are as wide as their widest cell', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, "UPDATE users SET full_name = '田中さん', email = NULL WHERE username = 'alice'")
  await query(url, "UPDATE users SET full_name = 'Jo\u0301hn', email = NULL WHERE username = 'johndoe'")
  const { stdout } = await runCommand(url, ['users', 'list'])
  t.match(stdout, /^alice {5}- {6}- {15}田中さん {3}true/m)
  t.match(stdout, /^johndoe {3}- {6}- {15}Jo\u0301hn {7}false/m)
})

t.test('items that no URL can name are renamed by a migration, which reports it', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, "DELETE FROM _prisma_migrations WHERE migration_name LIKE '%_renamed_dot_items'")
  await query(url, 'ALTER TABLE items DROP CONSTRAINT items_item_id_dots_check')
  await query(
    url,
    "INSERT INTO items (id, owner_id, item_id) SELECT gen_random_uuid(), id, unnest('{.,..,.a}'::text[]) FROM users",
  )
  await query(url, "UPDATE users SET username = $1 WHERE username = 'alice'", [evil])
  await query(
    url,
    "ALTER TABLE items ADD CONSTRAINT items_item_id_dots_check CHECK (item_id !~ '^[.]+$') NOT VALID",
  )
  const { stdout } = await runCommand(url, ['migrate'])
  t.match(
    stdout,
    /^applied \d+_renamed_dot_items\n(the item \.{1,2} of .* is called dots-[\da-f-]{36} now\n){4}The database/,
  )
  t.notMatch(stdout, dangerous)
  const ids = await query<{ item_id: string; version: number }>(
    url,
    'SELECT item_id, version FROM items ORDER BY item_id COLLATE "C"',
  )
  t.match(
    ids.map(({ item_id, version }) => `${item_id} ${version}`.replace(/dots-\S+/, 'dots')),
    ['.a 1', '.a 1', 'Foo 1', 'dots 2', 'dots 2', 'dots 2', 'dots 2'],
  )
  t.same(await migrate(url), [])
})

t.test('migrating claims the names of users if the service has created the MAC key', async (t) => {
  const url = await cloneDatabase(t)
  const unclaimed = () => query(url, 'SELECT FROM users WHERE name_claim IS NULL')
  await runCommand(url, ['migrate'])
  t.equal((await unclaimed()).length, 2, 'there is no MAC key')
  const env = { KEY_ENCRYPTION_SECRET: 'one secret, which is long enough as well' }
  await runCommand(url, ['clients', 'create', 'maker', '--name', 'Makes the key'], { env })
  await query(
    url,
    `INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), 'аӏісе', '${hash}')`,
  )
  const other = { KEY_ENCRYPTION_SECRET: 'another secret, which is long enough' }
  t.equal((await runCommand(url, ['migrate'], { env: other })).status, 0)
  t.equal((await unclaimed()).length, 3, 'the MAC key cannot be decrypted')
  const { stdout } = await runCommand(url, ['migrate'], { env })
  t.equal(stdout, 'names that look like earlier ones, and are kept: аӏісе\nThe database is up to date.\n')
  t.equal((await unclaimed()).length, 0)
  await query(url, 'ALTER TABLE mac_keys RENAME TO gone')
  t.match(await runCommand(url, ['migrate'], { env }), { status: 1, stderr: /mac_keys/ })
})

t.test('a reader that closes the pipe early ends the command quietly', async (t) => {
  const child = spawn(process.execPath, ['dist/src/cli/latchkey.js', 'openapi'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const closed = once(child, 'close')
  child.stdout.destroy()
  t.equal(await text(child.stderr), '')
  t.same(await closed, [0, null])
})

t.test('output that cannot be written ends a command, without an error if the pipe was closed', async (t) => {
  const output = new PassThrough()
  const statuses: number[] = []
  endWithReader(output, (status) => void statuses.push(status))
  for (const code of ['EPIPE', 'ENOSPC']) output.emit('error', Object.assign(new Error(code), { code }))
  t.same(statuses, [0, 1])
})
