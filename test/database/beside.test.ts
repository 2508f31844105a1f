import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { migrationNames } from '../../src/database/migration-history.js'
import { migrate } from '../../src/database/migrations.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { newDatabase } from '../helpers/database.js'
import { cheapHash } from '../helpers/replicas.js'
import { query } from './query.js'

// A database that another program uses as well, such as a FastAPI service whose users move to Latchkey.

const theirTables = `
  CREATE TABLE alembic_version (version_num VARCHAR(32) PRIMARY KEY);
  CREATE TABLE users (id SERIAL PRIMARY KEY, username TEXT UNIQUE, scopes TEXT, disabled TEXT);
  CREATE TABLE items (id SERIAL PRIMARY KEY, owner_id INTEGER REFERENCES users, title TEXT);
  CREATE TABLE clients (client_id INTEGER);
  CREATE TABLE former_usernames (digest INTEGER);
  INSERT INTO users (username) VALUES ('johndoe'), ('theirs')`

const readTheirs = (url: string) =>
  query(url, 'SELECT id, username, scopes, disabled FROM public.users ORDER BY id')

t.test('the tables of another program are left alone, with what to do instead', async (t) => {
  const url = await newDatabase(t)
  await query(url, theirTables)
  const refusal =
    'schema public has tables of another program (alembic_version, clients, former_usernames, …), which are left alone: ' +
    'name a schema of its own for Latchkey in DATABASE_URL, such as ?schema=latchkey, or another database'
  await t.rejects(migrate(url), { message: refusal })
  t.match(await runCommand(url, ['migrate']), { status: 1, stderr: `latchkey: ${refusal}\n` })
  t.same(await query(url, "SELECT FROM pg_tables WHERE tablename = '_prisma_migrations'"), [])
})

t.test("another program's history of Prisma migrations is not taken for ours", async (t) => {
  const url = await newDatabase(t)
  const ours = await newDatabase(t)
  await migrate(ours)
  const [history] = await query<{ sql: string }>(
    ours,
    "SELECT string_agg(format('%I %s', attname, atttypid::regtype), ', ') AS sql FROM pg_attribute WHERE attrelid = '_prisma_migrations'::regclass AND attnum > 0",
  )
  await query(url, `CREATE TABLE _prisma_migrations (${history?.sql}); CREATE VIEW "Post" AS SELECT 1`)
  await query(
    url,
    "INSERT INTO _prisma_migrations (migration_name, finished_at) VALUES ('20200101000000_init', now())",
  )
  await t.rejects(migrate(url), { message: /^schema public has tables of another program \(Post\)/ })
})

t.test('tables of extensions belong to no program', async (t) => {
  const url = await newDatabase(t)
  await query(url, 'CREATE TABLE spatial_ref_sys (id int); ALTER EXTENSION plpgsql ADD TABLE spatial_ref_sys')
  t.same(await migrate(url), migrationNames())
})

for (const [first, prepare] of [
  ['the other program', (url: string, named: string) => query(url, theirTables).then(() => migrate(named))],
  ['Latchkey', (url: string, named: string) => migrate(named).then(() => query(url, theirTables))],
] as const)
  t.test(`beside it, Latchkey lives in a schema of its own, if ${first} comes first`, async (t) => {
    const url = await newDatabase(t)
    const named = `${url}?schema=latchkey`
    await prepare(url, named)
    t.equal((await runCommand(named, ['seed'])).status, 0)
    const app = await startApp(t, { JWT_SECRET: '' }, named)
    const johndoe = as(app, await logIn(app, 'johndoe', 'secret', 'me items:read items:write'))
    t.equal((await johndoe.post('/users/me/items/', { item_id: 'theirs' })).statusCode, 201)
    t.equal((await johndoe.get('/readyz')).statusCode, 200)
    await writeAsTheOtherProgram(t, url)
    t.strictSame(await readTheirs(url), [
      { id: 1, username: 'johndoe', scopes: null, disabled: null },
      { id: 2, username: 'theirs', scopes: null, disabled: null },
    ])
    t.equal((await johndoe.get('/users/me/')).statusCode, 401, 'the deletion was announced')
    for (const table of ['items', 'clients', 'former_usernames'])
      t.same(await query(url, `SELECT FROM public.${table}`), [], table)
    t.same(await migrate(named), [])
  })

/** Writes our tables by their full names, in a session that looks for tables in `public`. */
async function writeAsTheOtherProgram(t: Test, url: string): Promise<void> {
  const id = randomUUID()
  const other = randomUUID()
  await query(
    url,
    'INSERT INTO latchkey.users (id, username, hashed_password, scopes) SELECT $1, username, $2, $3 FROM public.users WHERE id = 2',
    [id, cheapHash, ['users:admin']],
  )
  await query(url, "INSERT INTO latchkey.users (id, username, hashed_password) VALUES ($1, 'other', $2)", [
    other,
    cheapHash,
  ])
  await t.rejects(query(url, 'UPDATE latchkey.users SET disabled = true WHERE id = $1', [id]), {
    code: 'LK001',
  })
  await query(url, "UPDATE latchkey.users SET username = 'another' WHERE id = $1", [other])
  await query(url, "DELETE FROM latchkey.users WHERE username IN ('another', 'johndoe')")
  t.equal((await query(url, 'SELECT FROM latchkey.former_usernames')).length, 2)
}

t.test('every function of ours that names a table says where the table is', async (t) => {
  const url = `${await newDatabase(t)}?schema=latchkey`
  await migrate(url)
  const lost = await query(
    url,
    `SELECT proname FROM pg_proc WHERE pronamespace = 'latchkey'::regnamespace
       AND replace(prosrc, 'DISTINCT FROM', '') ~ '\\m(FROM|INTO|UPDATE|JOIN)\\s+[a-z_]+'
       AND NOT coalesce(proconfig && ARRAY['search_path=latchkey', 'search_path="latchkey"'], false)`,
  )
  t.same(lost, [])
})
