import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { findEmails } from '../../src/users/store/emails.js'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { cloneDatabase } from '../helpers/database.js'

/** Starts the service with a table whose rows cannot be changed or deleted, as if they were gone by then. */
async function start(t: Test, table: string, body = 'RETURN NULL;') {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const token = await logIn(app, 'johndoe', 'secret')
  await query(url, `CREATE FUNCTION hinder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} END $$`)
  await query(
    url,
    `CREATE TRIGGER hinder BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION hinder()`,
  )
  return { url, app, token }
}

t.test('a change to a user who was deleted meanwhile is refused', async (t) => {
  const { app, token } = await start(t, 'users')
  const passwords = { old_password: 'secret', new_password: 'correct horse' }
  t.equal((await as(app, token).patch('/users/me/', { full_name: 'x' })).statusCode, 401)
  const email = { email: 'x@example.com', password: 'secret' }
  t.equal((await as(app, token).patch('/users/me/', email)).statusCode, 401)
  t.equal((await as(app, token).put('/users/me/password', passwords)).statusCode, 409)
  t.equal((await as(app, token).delete('/users/me/', { password: 'secret' })).statusCode, 409)
  t.equal(await app.database.event.count({ where: { action: { not: 'login' } } }), 0, 'nothing is recorded')
})

t.test('deleting a user who was modified concurrently is a conflict', async (t) => {
  const { url, app } = await start(t, 'items')
  await query(url, "UPDATE users SET scopes = '{users:admin}', disabled = false")
  const admin = await logIn(app, 'johndoe', 'secret', 'users:admin')
  await query(url, 'CREATE TRIGGER hinder BEFORE DELETE ON users FOR EACH ROW EXECUTE FUNCTION hinder()')
  for (const name of ['alice', 'johndoe']) {
    const response = await as(app, admin).delete(`/users/${name}/`, { password: 'secret' })
    t.equal(response.statusCode, 409, name)
  }
})

t.test('a user who was deleted meanwhile has no address', async (t) => {
  const { app } = await start(t, 'users')
  t.same(await findEmails(randomUUID(), app.database), { email: null, pendingEmail: null })
})

t.test('a change to an item that is constantly modified gives up', async (t) => {
  const { app, token } = await start(t, 'items')
  for (const method of ['PUT', 'DELETE'] as const) {
    const body = method === 'PUT' ? { title: 'x' } : undefined
    const response = await as(app, token).send(method, '/users/me/items/Foo', body)
    t.equal(response.statusCode, 409)
    t.same(response.json(), { detail: 'The resource was modified concurrently', code: 'conflict' })
  }
})

t.test('a database error is not mistaken for an address that is taken', async (t) => {
  const { url, app } = await start(t, 'one_time_tokens', "RAISE EXCEPTION 'a fault';")
  await query(
    url,
    `INSERT INTO one_time_tokens (fingerprint, purpose, user_id, email, expires_at)
    SELECT sha256('token'), 'confirm_email', id, email, now() + interval '1 hour' FROM users WHERE username = 'johndoe'`,
  )
  const response = await as(app, null).post('/account/confirm-email', { token: 'token' })
  t.equal(response.statusCode, 500)
  t.same(response.json(), { detail: 'Internal Server Error', code: 'internal_error' })
})
