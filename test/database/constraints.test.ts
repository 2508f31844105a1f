import t from 'tap'
import { cloneDatabase } from '../helpers/database.js'
import { query } from './query.js'

const url = await cloneDatabase(t)
const hash = `$2b$12$${'a'.repeat(53)}`

const addImportedHash = `INSERT INTO imported_hashes (user_id, hash, work_kind, work_units)
  SELECT id, $2, $3, $4 FROM users WHERE username = $1`
const addUser = `INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), $1, $2)`
const addItem = `
  INSERT INTO items (id, owner_id, item_id)
  SELECT gen_random_uuid(), id, $2 FROM users WHERE username = $1`
const addClient = `
  INSERT INTO clients (client_id, name, confidential, grants, scopes) VALUES ($1, 'Name', $2, $3, $4)`
const addSecret = `
  INSERT INTO client_secrets (client_id, slot, digest) VALUES ('first-party', $1, decode($2, 'hex'))`
const addKeys = `
  INSERT INTO client_keys (client_id, jwks, jwks_uri, allow_private_host) VALUES ('first-party', $1::jsonb, $2, $3)`
const addTrusted = `
  INSERT INTO trusted_issuers (client_id, issuer, subject_pattern, audience, jwks, jwks_uri, ca)
  VALUES ('first-party', $1, 'a', $2, $3::jsonb, $4, $5)`
const addUse = `INSERT INTO assertion_uses (digest, expires_at) VALUES (decode($1, 'hex'), now())`
const addKey = `
  INSERT INTO signing_keys (kid, algorithm, public_jwk, sealed_private_key, sealed_under, token_ttl_seconds, signs_at, retired_at)
  VALUES ($1, $2, '{}', decode($3, 'hex'), '', 1, now(), $4::timestamptz)`
const addMacKey = `INSERT INTO mac_keys (id, sealed_key, sealed_under) VALUES ($1, '', '')`
const addRevoked = `INSERT INTO revoked_tokens (fingerprint, expires_at) VALUES (decode($1, 'hex'), now())`
const addResource = `
  INSERT INTO resources (id, name, identifier, token_ttl_seconds, subject_type) VALUES (gen_random_uuid(), $1, $2, $3, $4)`
const addScope = `INSERT INTO resource_scopes (name, resource_id) SELECT $1, id FROM resources WHERE name = 'orders'`
const addRole = 'INSERT INTO roles (name) VALUES ($1)'
const addRoleScope = `INSERT INTO role_scopes (role, scope) VALUES ('clerk', $1)`
const setUserScopes = `UPDATE users SET scopes = $1 WHERE username = 'alice'`
const setSubject = `UPDATE users SET subject = $1 WHERE username = 'alice'`
const orders = 'https://orders.example'

await query(url, addResource, ['orders', orders, 600, 'public'])
await query(url, addScope, ['orders:read'])
await query(url, addRole, ['clerk'])

const addWebhook = `
  INSERT INTO webhooks (name, url, actions, sealed_secret, sealed_under, sealed_previous_secret, previous_until, disabled_at, disabled_reason)
  VALUES ($1, $2, $3, '', '', decode($4, 'hex'), $5::timestamptz, $6::timestamptz, $7)`
const hookUrl = 'https://audit.example/'
const addMessage = `
  INSERT INTO outbox (kind, target, payload, attempts, delivered_at) VALUES ($1, 'a', '{}', $2, $3::timestamptz)`

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
  [
    'an imported hash with a control character',
    addImportedHash,
    ['johndoe', '$5$a\n', 'sha256-crypt', 5_000],
    'imported_hashes_hash_check',
  ],
  [
    'an imported hash without work',
    addImportedHash,
    ['johndoe', '$5$a', 'sha256-crypt', 0],
    'imported_hashes_work_check',
  ],
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
  [
    'a webhook with a name in capitals',
    addWebhook,
    ['A', hookUrl, '{}', null, null, null, null],
    'webhooks_name_check',
  ],
  [
    'a webhook that is no URL',
    addWebhook,
    ['a', 'ftp://a', '{}', null, null, null, null],
    'webhooks_url_check',
  ],
  [
    'a webhook without a list of actions',
    addWebhook,
    ['a', hookUrl, null, null, null, null, null],
    'webhooks_actions_check',
  ],
  [
    'a webhook with an unknown action',
    addWebhook,
    ['a', hookUrl, '{NULL}', null, null, null, null],
    'webhooks_actions_check',
  ],
  [
    'a previous secret without an end',
    addWebhook,
    ['a', hookUrl, '{}', '00', null, null, null],
    'webhooks_previous_check',
  ],
  [
    'a webhook disabled for no reason',
    addWebhook,
    ['a', hookUrl, '{}', null, null, 'now', null],
    'webhooks_disabled_check',
  ],
  [
    'a webhook disabled at no time',
    addWebhook,
    ['a', hookUrl, '{}', null, null, null, 'gone'],
    'webhooks_disabled_check',
  ],
  [
    'a webhook disabled for an unknown reason',
    addWebhook,
    ['a', hookUrl, '{}', null, null, 'now', 'x'],
    'webhooks_disabled_check',
  ],
  ['a message of an unknown kind', addMessage, ['mail', 0, null], 'outbox_kind_check'],
  ['a message with fewer than no attempts', addMessage, ['webhook', -1, null], 'outbox_attempts_check'],
  ['a pending message that was delivered', addMessage, ['webhook', 1, 'now'], 'outbox_delivered_check'],
  ['keys without a source', addKeys, [null, null, false], 'client_keys_source_check'],
  ['keys with two sources', addKeys, ['{"keys":[]}', 'https://a', false], 'client_keys_source_check'],
  ['keys that are no JWK Set', addKeys, ['[]', null, false], 'client_keys_jwks_check'],
  ['keys at an insecure URL', addKeys, [null, 'http://a', false], 'client_keys_jwks_uri_check'],
  ['stored keys with a private host', addKeys, ['{"keys":[]}', null, true], 'client_keys_fetch_check'],
  ['an insecure issuer', addTrusted, ['http://a', null, null, null, null], 'trusted_issuers_issuer_check'],
  [
    'an issuer with two sources of keys',
    addTrusted,
    ['https://a', null, '{"keys":[]}', 'https://a', null],
    'trusted_issuers_source_check',
  ],
  [
    'an issuer whose keys are no JWK Set',
    addTrusted,
    ['https://a', null, '{"keys":1}', null, null],
    'trusted_issuers_jwks_check',
  ],
  [
    'an issuer with keys at an insecure URL',
    addTrusted,
    ['https://a', null, null, 'http://a', null],
    'trusted_issuers_jwks_uri_check',
  ],
  [
    'an issuer with stored keys and a certificate',
    addTrusted,
    ['https://a', null, '{"keys":[]}', null, 'x'],
    'trusted_issuers_fetch_check',
  ],
  [
    'an issuer that is its own audience',
    addTrusted,
    ['https://a', 'https://a', null, null, null],
    'trusted_issuers_audience_check',
  ],
  ['a short digest of an assertion', addUse, ['00'], 'assertion_uses_digest_check'],
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
  [
    'a resource with a space in its name',
    addResource,
    ['a b', 'urn:a', 600, 'public'],
    'resources_name_check',
  ],
  ['a relative identifier', addResource, ['new', '/orders', 600, 'public'], 'resources_identifier_check'],
  [
    'an identifier with a fragment',
    addResource,
    ['new', 'urn:a#b', 600, 'public'],
    'resources_identifier_check',
  ],
  [
    'the audience that no service has',
    addResource,
    ['new', 'latchkey:nobody', 600, 'public'],
    'resources_identifier_check',
  ],
  [
    'an identifier that differs by an empty path',
    addResource,
    ['new', `${orders}/`, 600, 'public'],
    'resources_identifier_path_key',
  ],
  ['a lifetime of a second', addResource, ['new', 'urn:a', 1, 'public'], 'resources_token_ttl_seconds_check'],
  ['an unknown kind of subject', addResource, ['new', 'urn:a', 60, 'email'], 'resources_subject_type_check'],
  ['a scope of the own audience in a resource', addScope, ['items:read'], 'resource_scopes_own_check'],
  ['a scope of a resource with a space', addScope, ['a b'], 'resource_scopes_name_check'],
  ['a role with a dot as its name', addRole, ['.'], 'roles_name_check'],
  ['a role of administrators', addRoleScope, ['users:admin'], 'role_scopes_scope_check'],
  ['a role with an unknown scope', addRoleScope, ['orders:write'], 'role_scopes_scope_fkey'],
  ['a user with an unknown scope', setUserScopes, ['{orders:write}'], 'users_scopes_fkey'],
  ['a user without a list of scopes', setUserScopes, [null], 'users_scopes_check'],
  [
    'a subject like that of a client',
    `INSERT INTO users (id, username, hashed_password, subject) VALUES (gen_random_uuid(), 'new', $1, $2)`,
    [hash, 'client:x'],
    'users_subject_check',
  ],
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

t.test(
  'the items of a deleted user are noted for removal, and can be neither added nor changed',
  async (t) => {
    await query(url, addUser, ['leaver', hash])
    await query(url, addItem, ['leaver', 'Left'])
    await query(url, "DELETE FROM users WHERE username = 'leaver'")
    const departed = 'SELECT item_id FROM items JOIN departed_owners USING (owner_id)'
    t.strictSame(await query(url, departed), [{ item_id: 'Left' }])
    t.strictSame(await query(url, "UPDATE items SET title = 'x' WHERE item_id = 'Left' RETURNING 1"), [])
    const add =
      "INSERT INTO items (id, owner_id, item_id) SELECT gen_random_uuid(), owner_id, 'x' FROM departed_owners"
    t.equal(await violated(add, []), 'items_owner_id_fkey')
  },
)

t.test('the subject of a user and the name of a scope do not change', async (t) => {
  await t.rejects(query(url, setSubject, ['other']), { code: '23000' })
  await t.rejects(query(url, "UPDATE resource_scopes SET name = 'x'"), { code: '23000' })
  const subjects = await query<{ subject: string }>(url, 'SELECT subject FROM users')
  for (const { subject } of subjects) t.match(subject, /^[\w-]{22}$/)
})

t.test(
  'a resource begins a generation that no other has when it is disabled or gets another identifier',
  async (t) => {
    const change = async (assignments: string) => {
      const [row] = await query<{ generation: number }>(
        url,
        `UPDATE resources SET ${assignments} WHERE name = 'orders' RETURNING generation`,
      )
      return Number(row?.generation)
    }
    const first = await change('token_ttl_seconds = 60')
    const second = await change('disabled = true')
    t.ok(second > first)
    t.equal(await change('disabled = false'), second)
    const third = await change("identifier = 'urn:orders'")
    t.ok(third > second)
    await query(url, addResource, ['later', 'urn:later', null, 'public'])
    const [later] = await query<{ generation: number }>(
      url,
      "SELECT generation FROM resources WHERE name = 'later'",
    )
    t.ok(Number(later?.generation) > third)
  },
)

t.test(
  'a deleted scope is taken from roles and clients, and noted for removal from users and logins',
  async (t) => {
    await query(url, setUserScopes, ['{orders:read,items:admin}'])
    await query(url, addRoleScope, ['orders:read'])
    await query(url, addRoleScope, ['items:admin'])
    await query(url, addClient, ['orders', true, '{}', '{other,orders:read}'])
    await query(url, "DELETE FROM resources WHERE name = 'orders'")
    t.same(await query(url, "SELECT key FROM departures WHERE kind = 'scope'"), [{ key: 'orders:read' }])
    t.same(await query(url, 'SELECT scope FROM role_scopes'), [{ scope: 'items:admin' }])
    t.same(await query(url, "SELECT scopes FROM clients WHERE client_id = 'orders'"), [{ scopes: ['other'] }])
  },
)

/** Returns the constraint that a statement violates. */
function violated(sql: string, values: unknown[]): Promise<string | undefined> {
  return query(url, sql, values).then(
    () => undefined,
    (error: { constraint?: string }) => error.constraint,
  )
}
