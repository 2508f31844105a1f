import t from 'tap'
import { cloneDatabase } from '../helpers/database.js'
import { query } from './query.js'

const url = await cloneDatabase(t)
const hash = `$2b$12$${'a'.repeat(53)}`

const addUser = `INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), $1, $2)`
const addItem = `
  INSERT INTO items (id, owner_id, item_id)
  SELECT gen_random_uuid(), id, $2 FROM users WHERE username = $1`
const addClient = `
  INSERT INTO clients (client_id, name, confidential, grants, scopes) VALUES ($1, 'Name', $2, $3, $4)`
const addSecret = `
  INSERT INTO client_secrets (client_id, slot, digest) VALUES ('first-party', $1, decode($2, 'hex'))`
const addKey = `
  INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_key, sealed_under, token_ttl_seconds, signs_at, retired_at)
  VALUES ($1, $2, '{}', decode($3, 'hex'), '', 1, now(), $4::timestamptz)`
const addMacKey = `INSERT INTO mac_keys (id, sealed_key, sealed_under) VALUES ($1, '', '')`
const addRevoked = `INSERT INTO revoked_tokens (fingerprint, expires_at) VALUES (decode($1, 'hex'), now())`

const refusals: [what: string, sql: string, values: unknown[], constraint: string][] = [
  ['a taken name', addUser, ['johndoe', hash], 'users_username_key'],
  ['an empty name', addUser, ['', hash], 'users_username_check'],
  ['an empty hash', addUser, ['new', ''], 'users_hashed_password_check'],
  ['a plain-text password', addUser, ['new', 'secret'], 'users_hashed_password_check'],
  ['a hash of an unknown scheme', addUser, ['new', hash.replace('2b', '2x')], 'users_hashed_password_check'],
  ['a truncated hash', addUser, ['new', hash.slice(0, -1)], 'users_hashed_password_check'],
  ['a hash with a line feed', addUser, ['new', `${hash.slice(0, -1)}\n`], 'users_hashed_password_check'],
  ['a duplicate item of an owner', addItem, ['johndoe', 'Foo'], 'items_owner_id_item_id_key'],
  ['an item with an empty id', addItem, ['johndoe', ''], 'items_item_id_check'],
  ['a username like that of a client', addUser, ['client:x', hash], 'users_username_no_client_check'],
  ['a client with an empty id', addClient, ['', true, '{}', '{}'], 'clients_client_id_check'],
  ['a client id with a space', addClient, ['a b', true, '{}', '{}'], 'clients_client_id_check'],
  ['an unknown grant', addClient, ['new', true, '{implicit}', '{}'], 'clients_grants_check'],
  ['a missing list of grants', addClient, ['new', true, null, '{}'], 'clients_grants_check'],
  ['an empty scope', addClient, ['new', true, '{}', '{""}'], 'clients_scopes_check'],
  ['a scope with a space', addClient, ['new', true, '{}', '{a b}'], 'clients_scopes_check'],
  ['a missing list of scopes', addClient, ['new', true, '{}', null], 'clients_scopes_check'],
  [
    'a public client with the client credentials grant',
    addClient,
    ['new', false, '{client_credentials}', '{}'],
    'clients_public_check',
  ],
  ['a third secret', addSecret, [3, '00'.repeat(32)], 'client_secrets_slot_check'],
  ['a digest of 31 bytes', addSecret, [1, '00'.repeat(31)], 'client_secrets_digest_check'],
  ['a key of another algorithm', addKey, ['new', 'HS256', '00', null], 'signing_keys_algorithm_check'],
  ['an active key without a private key', addKey, ['new', 'ES256', null, null], 'signing_keys_retired_check'],
  [
    'a retired key with a private key',
    addKey,
    ['new', 'ES256', '00', '2026-01-01'],
    'signing_keys_retired_check',
  ],
  ['a second MAC key', addMacKey, [2], 'mac_keys_id_check'],
  ['a fingerprint of 31 bytes', addRevoked, ['00'.repeat(31)], 'revoked_tokens_fingerprint_check'],
]

for (const [what, sql, values, constraint] of refusals)
  t.test(`${what} is refused by the database`, async (t) => {
    t.equal(await violated(sql, values), constraint)
  })

t.test('valid rows are accepted', async (t) => {
  await t.resolves(query(url, addUser, ['2a', hash.replace('2b', '2a')]))
  await t.resolves(query(url, addUser, ['2y', hash.replace('2b', '2y')]))
  await t.resolves(query(url, addItem, ['alice', 'Foo']), "another owner's item may have the same id")
  await t.resolves(query(url, addClient, ['new', true, '{client_credentials}', '{orders:read}']))
  await t.resolves(query(url, addSecret, [1, '00'.repeat(32)]))
  await t.resolves(query(url, addKey, ['live', 'ES256', '00', null]))
  await t.resolves(query(url, addKey, ['retired', 'RS256', null, '2026-01-01']))
})

t.test('an item without an owner is refused by the database', async (t) => {
  const add = 'INSERT INTO items (id, owner_id, item_id) VALUES ($1, $1, $2)'
  t.equal(await violated(add, ['00000000-0000-7000-8000-000000000000', 'Bar']), 'items_owner_id_fkey')
})

t.test('a new password hash or disabling the user starts a new generation, a rehash does not', async (t) => {
  const change = async (assignments: string) => {
    const [row] = await query<{ generation: number }>(
      url,
      `UPDATE users SET ${assignments} WHERE username = 'johndoe' RETURNING generation`,
    )
    return row?.generation
  }
  const other = `hashed_password = '$2b$12$${'b'.repeat(53)}'`
  t.equal(await change("email = 'new@example.com'"), 0)
  t.equal(await change(`hashed_password = '${hash}', rehashed_at = now()`), 0)
  t.equal(await change(`hashed_password = '${hash}'`), 0, 'nothing has changed')
  t.equal(await change(other), 1)
  t.equal(await change('disabled = true'), 2)
  t.equal(await change('disabled = true'), 2, 'nothing has changed')
  t.equal(await change('disabled = false'), 2)
})

t.test("deleting a user deletes the user's items, and no others", async (t) => {
  await query(url, addUser, ['leaver', hash])
  await query(url, addItem, ['leaver', 'Foo'])
  const count = 'SELECT count(*)::int FROM items'
  const [before] = await query<{ count: number }>(url, count)
  await query(url, "DELETE FROM users WHERE username = 'leaver'")
  t.strictSame(await query(url, count), [{ count: Number(before?.count) - 1 }])
  const johns = "SELECT item_id FROM items JOIN users ON users.id = owner_id WHERE username = 'johndoe'"
  t.strictSame(await query(url, johns), [{ item_id: 'Foo' }])
})

/** Returns the constraint that a statement violates. */
function violated(sql: string, values: unknown[]): Promise<string | undefined> {
  return query(url, sql, values).then(
    () => undefined,
    (error: { constraint?: string }) => error.constraint,
  )
}
