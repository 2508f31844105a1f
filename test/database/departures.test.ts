import { createHash } from 'node:crypto'
import t, { type Test } from 'tap'
import { openDatabase } from '../../src/database/client.js'
import { removeDepartures } from '../../src/database/departures.js'
import { removeExpired } from '../../src/database/retention.js'
import { once } from '../../src/http/idempotency.js'
import { createInvitation, isInvitation } from '../../src/users/store/invitations.js'
import { startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction } from '../helpers/replicas.js'
import { storeResource } from '../helpers/resources.js'
import { until } from '../helpers/wait.js'
import { query } from './query.js'

/** Number of logins, and of all other rows of a kind, that a deletion leaves behind. */
const many = 5_000

/** Maximum number of rows in a batch. */
const rows = 1_000

/**
 * Opens a database in which johndoe has many logins at one client and for one resource, many stored responses and many
 * invitations, and alice has one login elsewhere. The number of rows that each statement changes is in the table `changes`.
 */
async function open(t: Test, count = many) {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 10 }, url)
  t.teardown(() => database.$disconnect())
  await query(
    url,
    "INSERT INTO clients (client_id, name, confidential, grants, scopes) VALUES ('shop', 'Shop', false, '{}', '{orders:read}')",
  )
  await storeResource(database, { name: 'orders', identifier: 'urn:orders', scopes: ['orders:read'] })
  await query(
    url,
    `INSERT INTO token_families
       (id, user_id, client_id, scope, user_generation, client_generation, refreshable_until, expires_at, resource_id)
     SELECT gen_random_uuid(), users.id, 'shop', 'me orders:read', 0, 0, now() + interval '1 day', now() + interval '1 day', resources.id
     FROM users, resources, generate_series(1, $1::int) WHERE username = 'johndoe'
     UNION ALL
     SELECT gen_random_uuid(), users.id, 'first-party', 'me', 0, 0, now() + interval '1 day', now() + interval '1 day', NULL
     FROM users WHERE username = 'alice'`,
    [count],
  )
  await query(
    url,
    `INSERT INTO refresh_tokens (fingerprint, family_id, expires_at)
     SELECT sha256(convert_to(id::text || n, 'UTF8')), id, expires_at FROM token_families, generate_series(1, 2) AS n`,
  )
  await query(
    url,
    `INSERT INTO idempotency_keys (subject, key, request_digest, expires_at)
     SELECT 'johndoe', n, sha256('x'), now() + interval '1 day' FROM generate_series(1, $1::int) AS n`,
    [count],
  )
  await query(
    url,
    `INSERT INTO idempotency_keys (subject, key, request_digest, owner_id, expires_at)
     SELECT 'alice', n, sha256('x'), id, now() + interval '1 day' FROM users, generate_series(1, $1::int) AS n
     WHERE username = 'johndoe'`,
    [count],
  )
  await query(
    url,
    `INSERT INTO one_time_tokens (fingerprint, purpose, invited_by, expires_at)
     SELECT sha256(convert_to(n::text, 'UTF8')), 'invitation', id, now() + interval '1 day'
     FROM users, generate_series(1, $1::int) AS n WHERE username = 'johndoe'`,
    [count],
  )
  await query(url, "UPDATE users SET scopes = '{orders:read}' WHERE username = 'johndoe'")
  await countChanges(url)
  return { url, database }
}

const observed = ['users', 'token_families', 'refresh_tokens', 'idempotency_keys', 'one_time_tokens']

/** Lets triggers count the rows that each statement changes or deletes. */
async function countChanges(url: string): Promise<void> {
  await query(url, 'CREATE TABLE changes (name text, count int)')
  await query(
    url,
    `CREATE FUNCTION count_changes() RETURNS trigger LANGUAGE plpgsql AS
     $$BEGIN INSERT INTO changes SELECT TG_TABLE_NAME, count(*) FROM former; RETURN NULL; END$$`,
  )
  for (const table of observed)
    for (const event of ['UPDATE', 'DELETE'])
      await query(
        url,
        `CREATE TRIGGER count_${event} AFTER ${event} ON ${table} REFERENCING OLD TABLE AS former
         FOR EACH STATEMENT EXECUTE FUNCTION count_changes()`,
      )
}

/** Returns the largest number of rows of each table that one statement changed. Cascades without rows do not count. */
async function largestChanges(url: string): Promise<Record<string, number>> {
  const changes = await query<{ name: string; count: number }>(
    url,
    'SELECT name, max(count) AS count FROM changes GROUP BY name HAVING max(count) > 0 ORDER BY name',
  )
  return Object.fromEntries(changes.map(({ name, count }) => [name, count]))
}

/** Returns how many rows of each table are left. */
async function left(url: string): Promise<number[]> {
  const counts = [
    'token_families',
    'refresh_tokens',
    'idempotency_keys',
    'one_time_tokens',
    'departures',
  ].map(async (table) => (await query(url, `SELECT FROM ${table}`)).length)
  return Promise.all(counts)
}

const deletions: [what: string, deletion: string, immediately: Record<string, number>, left: number[]][] = [
  ['a user', "DELETE FROM users WHERE username = 'johndoe'", { users: 1 }, [1, 2, 0, 0, 0]],
  ['a client', "DELETE FROM clients WHERE client_id = 'shop'", {}, [1, 2, 2 * many, many, 0]],
  ['a resource', "DELETE FROM resources WHERE name = 'orders'", {}, [1, 2, 2 * many, many, 0]],
]

for (const [what, deletion, immediately, expected] of deletions)
  t.test(`what ${what} leaves behind is removed in batches`, async (t) => {
    const { url, database } = await open(t)
    await query(url, deletion)
    t.same(await largestChanges(url), immediately, 'the deletion itself touches none of the rows')
    await removeDepartures(database, { rows })
    t.same(await left(url), expected)
    for (const [table, count] of Object.entries(await largestChanges(url)))
      t.ok(count <= (table === 'refresh_tokens' ? 10 : 1) * rows, `${table}: ${count}`)
  })

const endings = {
  'a user is disabled': "UPDATE users SET disabled = true WHERE username = 'johndoe'",
  'all tokens of a user are revoked':
    "UPDATE users SET generation = generation + 1 WHERE username = 'johndoe'",
  'a client is disabled': "UPDATE clients SET disabled = true WHERE client_id = 'shop'",
  'a resource is disabled': "UPDATE resources SET disabled = true WHERE name = 'orders'",
}

for (const [what, change] of Object.entries(endings))
  t.test(`no login is changed when ${what}`, async (t) => {
    const { url } = await open(t, 5)
    await query(url, change)
    const { users = 0, ...others } = await largestChanges(url)
    t.ok(users <= 1)
    t.same(others, {})
  })

t.test('a removal that was interrupted is completed by the next', async (t) => {
  const { url, database } = await open(t, 25)
  await query(url, "DELETE FROM users WHERE username = 'johndoe'")
  await query(url, "DELETE FROM resources WHERE name = 'orders'")
  const untouched = await left(url)
  await removeDepartures(database, { rows: 10, signal: AbortSignal.abort() })
  t.same(await left(url), untouched)
  const other = await beginTransaction(
    t,
    url,
    'SELECT FROM token_families FOR UPDATE',
    'SELECT FROM one_time_tokens LIMIT 3 FOR UPDATE',
  )
  await removeDepartures(database, { rows: 10 })
  t.same(await left(url), [26, 52, 0, 3, 3], 'rows that another process removes are left to it')
  await other.query('ROLLBACK')
  await removeDepartures(database, { rows: 10 })
  t.same(await left(url), [1, 2, 0, 0, 0])
})

t.test('a row that somebody keeps locked holds up neither other deletions nor expired rows', async (t) => {
  const { url } = await open(t, 5)
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 4 }, url)
  t.teardown(() => database.$disconnect())
  const logins = async () => (await left(url)).slice(0, 2)
  const ofJohn = `family_id IN (
    SELECT token_families.id FROM token_families JOIN users ON users.id = user_id WHERE username = 'johndoe')`
  const other = await beginTransaction(t, url, `SELECT FROM refresh_tokens WHERE ${ofJohn} FOR UPDATE`)
  await query(url, "DELETE FROM users WHERE username = 'johndoe'")
  await query(url, 'DELETE FROM users')
  await t.rejects(removeDepartures(database), { code: '55P03' })
  t.same(await logins(), [5, 10], 'those of the first user are left')

  await query(url, "UPDATE token_families SET expires_at = now() - interval '1 minute'")
  await query(url, "INSERT INTO revoked_tokens VALUES (sha256('x'), now() - interval '1 minute')")
  await t.rejects(removeExpired(database, { eventRetentionSeconds: 1 }), { code: '55P03' })
  t.same(await query(url, 'SELECT FROM revoked_tokens'), [])
  t.same(await logins(), [5, 10])
  await other.query('ROLLBACK')
  await removeDepartures(database)
  t.same(await left(url), [0, 0, 0, 0, 0])
})

t.test('a later deletion of a client with the same id is not lost during the removal', async (t) => {
  const { url, database } = await open(t, 5)
  const remove = "DELETE FROM clients WHERE client_id = 'shop'"
  const add =
    "INSERT INTO clients (client_id, name, confidential, grants, scopes) VALUES ('shop', 'Shop', false, '{}', '{}')"
  await query(url, remove)
  await query(url, add)
  await query(
    url,
    "UPDATE token_families SET client_generation = 1 WHERE id = (SELECT id FROM token_families WHERE client_id = 'shop' LIMIT 1)",
  )
  await removeDepartures(database)
  t.same((await left(url)).slice(0, 1), [2], 'the login at the second client stays')
  await query(url, remove)
  await removeDepartures(database)
  t.same((await left(url)).slice(0, 1), [1])
})

t.test('the service removes what deletions left behind, and what was left when it ended', async (t) => {
  const { url, database } = await open(t, 25)
  await query(url, "DELETE FROM users WHERE username = 'johndoe'")
  const app = await startApp(t, {}, url)
  await app.ready()
  await until(async () => (await database.departure.count()) === 0)
  t.same(await left(url), [1, 2, 0, 0, 0])
})

for (const [args, tables] of [
  [
    ['users', 'delete', 'johndoe'],
    [1, 2, 0, 0, 0],
  ],
  [
    ['clients', 'delete', 'shop'],
    [1, 2, 50, 25, 0],
  ],
  [
    ['resources', 'delete', 'orders'],
    [1, 2, 50, 25, 0],
  ],
  [
    ['resources', 'update', 'orders', '--scope', 'orders:write'],
    [26, 52, 50, 25, 0],
  ],
] as const)
  t.test(`latchkey ${args.join(' ')} removes it too`, async (t) => {
    const { url } = await open(t, 25)
    t.match(await runCommand(url, [...args, '--yes'], { env: { JWT_SECRET: '' } }), { status: 0 })
    t.same(await left(url), tables)
  })

t.test('expired logins are removed in batches, with any number of refresh tokens', async (t) => {
  const { url, database } = await open(t, 5)
  await query(
    url,
    `INSERT INTO refresh_tokens (fingerprint, family_id, expires_at)
     SELECT sha256(convert_to('more' || n, 'UTF8')), id, expires_at
     FROM (SELECT * FROM token_families WHERE client_id = 'shop' LIMIT 1) AS family, generate_series(1, 100) AS n`,
  )
  await query(url, "UPDATE token_families SET expires_at = now() - interval '1 s' WHERE client_id = 'shop'")
  await query(url, 'TRUNCATE changes')
  await removeExpired(database, { eventRetentionSeconds: 60 }, { rows: 2 })
  t.same((await left(url)).slice(0, 2), [1, 2])
  t.same(await largestChanges(url), { refresh_tokens: 20, token_families: 2 })
})

t.test('a deleted scope is taken from users and logins in batches', async (t) => {
  const { url, database } = await open(t)
  await query(
    url,
    `INSERT INTO users (id, username, hashed_password, scopes)
     SELECT gen_random_uuid(), 'user' || n, hashed_password, '{orders:read,items:admin}'
     FROM users, generate_series(1, 5000) AS n WHERE username = 'alice'`,
  )
  await query(url, "DELETE FROM resource_scopes WHERE name = 'orders:read'")
  t.same(await largestChanges(url), {})
  const own = await query(url, "SELECT scopes FROM clients WHERE client_id = 'shop'")
  t.same(own, [{ scopes: [] }], 'no client has the scope')
  await removeDepartures(database, { rows })
  t.same(await largestChanges(url), { token_families: rows, users: rows })
  t.same(await query(url, 'SELECT DISTINCT scope FROM token_families'), [{ scope: 'me' }])
  t.same(await query(url, 'SELECT DISTINCT scopes FROM users ORDER BY 1'), [
    { scopes: [] },
    { scopes: ['items:admin'] },
  ])
})

t.test('a deleted scope can be defined again when nobody has it any more', async (t) => {
  const { url, database } = await open(t, 5)
  const add = `INSERT INTO resource_scopes (name, resource_id) SELECT 'orders:read', id FROM resources RETURNING name`
  await query(url, "DELETE FROM resource_scopes WHERE name = 'orders:read'")
  t.same(await query(url, add), [], 'it is refused until then')
  const other = await beginTransaction(t, url, "SELECT FROM users WHERE username = 'johndoe' FOR SHARE")
  await removeDepartures(database, { rows: 2 })
  t.same(await query(url, add), [], 'a user whom another transaction has locked still has it')
  await removeDepartures(database, { rows: 2, signal: AbortSignal.abort() })
  t.same(await query(url, add), [])
  await other.query('ROLLBACK')
  await removeDepartures(database, { rows: 2 })
  t.same(await query(url, add), [{ name: 'orders:read' }])
  t.same(await query(url, "SELECT scopes FROM users WHERE username = 'johndoe'"), [{ scopes: [] }])
})

t.test('a scope that departs again during a search is left for the next one', async (t) => {
  const { url, database } = await open(t, 5)
  await query(
    url,
    `CREATE FUNCTION depart_again() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       UPDATE departures SET departed_at = clock_timestamp() WHERE kind = 'scope';
       RETURN NULL;
     END $$;
     CREATE TRIGGER depart_again AFTER UPDATE ON users FOR EACH ROW EXECUTE FUNCTION depart_again()`,
  )
  await query(url, "DELETE FROM resource_scopes WHERE name = 'orders:read'")
  const departed = "SELECT key FROM departures WHERE kind = 'scope'"
  await removeDepartures(database)
  t.same(await query(url, departed), [{ key: 'orders:read' }])
  await removeDepartures(database)
  t.same(await query(url, departed), [])
})

t.test('a user with a scope that no longer exists keeps nothing from being removed', async (t) => {
  const { url, database } = await open(t, 5)
  await query(
    url,
    "ALTER TABLE users DISABLE TRIGGER USER; UPDATE users SET scopes = '{lost,orders:read}'; ALTER TABLE users ENABLE TRIGGER USER",
  )
  await query(url, "DELETE FROM resource_scopes WHERE name = 'orders:read'")
  await removeDepartures(database)
  t.same(await query(url, 'SELECT DISTINCT scopes FROM users'), [{ scopes: [] }])
  t.same(await query(url, 'SELECT FROM departures'), [])
})

t.test('a change of the scopes of a user takes a deleted one away', async (t) => {
  const { url } = await open(t, 1)
  await query(url, "DELETE FROM resource_scopes WHERE name = 'orders:read'")
  const change = (scopes: string) =>
    query(url, "UPDATE users SET scopes = $1 WHERE username = 'johndoe' RETURNING scopes", [scopes])
  t.same(await change('{orders:read,items:admin}'), [{ scopes: ['items:admin'] }])
  await t.rejects(change('{orders:read}'), { code: '23503' })
})

t.test('a client with the id of a deleted one does not get its stored responses', async (t) => {
  const { url, database } = await open(t, 1)
  const replace = [
    "DELETE FROM clients WHERE client_id = 'shop'",
    "INSERT INTO clients (client_id, name, confidential, grants, scopes) VALUES ('shop', 'Shop', false, '{}', '{}')",
  ]
  const [owner] = await query<{ id: string }>(url, "SELECT id FROM users WHERE username = 'alice'")
  const send = (answer: string) =>
    once(
      { subject: 'client:shop', key: 'k', ownerId: String(owner?.id), content: 'same' },
      database,
      async () => ({ answer }),
    )
  t.same(await send('first'), { result: { answer: 'first' }, isReplayed: false })
  t.same(await send('second'), { result: { answer: 'first' }, isReplayed: true })
  for (const statement of replace) await query(url, statement)
  t.same(await send('third'), { result: { answer: 'third' }, isReplayed: false })
  await removeDepartures(database)
  t.same(await send('fourth'), { result: { answer: 'third' }, isReplayed: true })
})

t.test(
  'the invitations of an administrator end with the right to invite, also if it is given back',
  async (t) => {
    const { url, database } = await open(t, 25)
    const grant = "UPDATE users SET scopes = '{users:admin}' WHERE username = 'johndoe'"
    await query(url, grant)
    const [inviter] = await query<{ id: string }>(url, "SELECT id FROM users WHERE username = 'johndoe'")
    const invite = async () => String(await createInvitation(String(inviter?.id), database))
    const before = await invite()
    await query(url, "UPDATE users SET scopes = '{users:admin}', disabled = false WHERE username = 'alice'")
    await query(url, 'TRUNCATE changes')
    await query(url, "UPDATE users SET scopes = '{}' WHERE username = 'johndoe'")
    t.same(await largestChanges(url), { users: 1 })
    await query(url, grant)
    const after = await invite()
    t.equal(await isInvitation(before, database), false)
    t.equal(await isInvitation(after, database), true)
    await removeDepartures(database, { rows: 10 })
    t.equal(await isInvitation(after, database), true)
    t.same(
      await query(url, 'SELECT fingerprint FROM one_time_tokens'),
      [{ fingerprint: createHash('sha256').update(after).digest() }],
      'the others are removed',
    )
  },
)

for (const table of ['users', 'clients', 'resources'])
  t.test(`a truncation of ${table} removes all logins`, async (t) => {
    const { url } = await open(t, 5)
    await query(url, `TRUNCATE ${table} CASCADE`)
    t.same((await left(url)).slice(0, 2), [0, 0])
  })
