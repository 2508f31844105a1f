import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { removeDepartures } from '../../src/database/departures.js'
import { removeDepartedItems } from '../../src/items/departed-owners.js'
import { query } from '../database/query.js'
import { everyScope, logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { collectMails } from '../helpers/mails.js'
import { beginTransaction, untilWaiting } from '../helpers/replicas.js'

const password = 'battery staple'

/** Text that is written to every row about janedoe and her items. */
const marker = 'tell-tale'

/** Ways to delete janedoe. */
const ways: Record<string, (app: FastifyInstance, url: string, admin: string) => Promise<unknown>> = {
  'DELETE /users/me/': async (app) =>
    as(app, await logIn(app, 'janedoe', password)).delete('/users/me/', { password }),
  'DELETE /users/janedoe/': (app, _url, admin) => as(app, admin).delete('/users/janedoe/'),
  'the command line': (_app, url) => runCommand(url, ['users', 'delete', 'janedoe', '--yes']),
  SQL: (_app, url) => query(url, "DELETE FROM users WHERE username = 'janedoe'"),
}

for (const [way, remove] of Object.entries(ways))
  t.test(`nothing about a user is left after deletion by ${way}`, async (t) => {
    const url = await cloneDatabase(t)
    const app = await startApp(t, {}, url)
    collectMails(app)
    await query(url, "UPDATE users SET scopes = '{users:admin,items:admin}' WHERE username = 'johndoe'")
    const form = await createClient(url)
    const registration = { username: 'janedoe', password, email: `${marker}@example.com`, full_name: marker }
    await as(app, null).post('/users/', registration)
    await app.background.idle()
    const admin = await logIn(app, 'johndoe', 'secret', everyScope)
    const writers = {
      '/users/me/items/': await logIn(app, 'janedoe', password),
      '/users/janedoe/items/': admin,
      '/users/janedoe/items/?': (await postToken(app, form)).json<{ access_token: string }>().access_token,
    }
    for (const [path, token] of Object.entries(writers)) {
      const response = await app.inject({
        method: 'POST',
        url: path,
        payload: { title: marker, description: marker, metadata: { marker } },
        headers: { authorization: `Bearer ${token}`, 'idempotency-key': path },
      })
      t.equal(response.statusCode, 201, path)
    }
    // Stored as by the previous version.
    await query(
      url,
      `INSERT INTO idempotency_keys (subject, key, request_digest, answer, expires_at)
       VALUES ('janedoe', 'before', sha256('x'), $1, now() + interval '1 hour')`,
      [JSON.stringify(marker)],
    )
    t.same(await tablesWith(marker, url), ['idempotency_keys', 'items', 'one_time_tokens', 'users'])
    await remove(app, url, admin)
    await removeDepartedItems(app.database)
    await removeDepartures(app.database)
    t.same(await tablesWith(marker, url), [])
  })

/** Statements that remove a caller. */
const removals = {
  'an administrator who is deleted': "DELETE FROM users WHERE username = 'johndoe'",
  'an administrator who is renamed': "UPDATE users SET username = 'renamed' WHERE username = 'johndoe'",
  'a client that is deleted': "DELETE FROM clients WHERE client_id = 'c'",
  'a client that is given another id': "UPDATE clients SET client_id = 'd' WHERE client_id = 'c'",
}

for (const [caller, change] of Object.entries(removals))
  t.test(`no stored response outlives ${caller}`, async (t) => {
    const url = await cloneDatabase(t)
    const app = await startApp(t, {}, url)
    await query(url, "UPDATE users SET scopes = '{items:admin}' WHERE username = 'johndoe'")
    const form = await createClient(url)
    const token = change.includes('users')
      ? await logIn(app, 'johndoe', 'secret', 'items:admin')
      : (await postToken(app, form)).json<{ access_token: string }>().access_token
    const post = (key: string) =>
      app.inject({
        method: 'POST',
        url: '/users/alice/items/',
        payload: { title: marker },
        headers: { authorization: `Bearer ${token}`, 'idempotency-key': key },
      })
    t.equal((await post('before')).statusCode, 201)
    t.same(await tablesWith(marker, url), ['idempotency_keys', 'items'])
    const removal = await beginTransaction(t, url, change)
    const posting = post('meanwhile')
    await untilWaiting(url)
    await removal.query('COMMIT')
    const late = await posting
    t.equal(late.statusCode, 401)
    t.match(late.json(), { detail: 'Could not validate credentials' })
    await removeDepartures(app.database)
    t.same(await tablesWith(marker, url), ['items'], 'the earlier response is deleted too')
    t.equal((await query(url, 'SELECT FROM items WHERE title = $1', [marker])).length, 1)
  })

t.test('a deletion waits for a response that is being stored', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, "UPDATE users SET disabled = true WHERE username = 'johndoe'")
  const storing = await beginTransaction(
    t,
    url,
    `INSERT INTO idempotency_keys (subject, key, request_digest, answer, expires_at)
     VALUES ('johndoe', 'k', sha256('x'), '"${marker}"', now() + interval '1 hour')`,
  )
  const deleting = query(url, "DELETE FROM users WHERE username = 'johndoe'")
  await untilWaiting(url)
  await storing.query('COMMIT')
  await deleting
  const app = await startApp(t, {}, url)
  await removeDepartures(app.database)
  t.same(await tablesWith(marker, url), [])
})

async function createClient(url: string): Promise<Record<string, string>> {
  const args = ['clients', 'create', 'c', '--name', 'C', '--scope', 'items:write', '--json']
  const { client_secret } = JSON.parse((await runCommand(url, args)).stdout) as { client_secret: string }
  return { grant_type: 'client_credentials', client_id: 'c', client_secret }
}

/** Returns the tables with a row that contains a text. */
async function tablesWith(text: string, url: string): Promise<string[]> {
  const tables = await query<{ name: string }>(
    url,
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' ORDER BY 1",
  )
  const found: string[] = []
  for (const { name } of tables) {
    const rows = await query(
      url,
      `SELECT FROM ${name} AS one WHERE one::text LIKE '%' || $1 || '%' LIMIT 1`,
      [text],
    )
    if (rows.length > 0) found.push(name)
  }
  return found
}
