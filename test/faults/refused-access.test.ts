import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { cloneDatabase } from '../helpers/database.js'
import { startProgram } from '../helpers/service.js'
import { until } from '../helpers/wait.js'

/** Creates a role that may do everything. Returns its URL, and a function that changes its password and ends its sessions. */
async function newRole(t: Test, url: string) {
  const role = `role_${randomUUID().replaceAll('-', '')}`
  await query(url, `CREATE ROLE ${role} SUPERUSER LOGIN PASSWORD 'secret'`)
  t.teardown(() => query(url, `DROP OWNED BY ${role}; DROP ROLE ${role}`))
  async function changePassword(password: string): Promise<void> {
    await query(url, `ALTER ROLE ${role} PASSWORD '${password}'`)
    await query(url, 'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [role])
  }
  const own = new URL(url)
  own.username = role
  own.password = 'secret'
  return { url: own.href, changePassword }
}

const unavailable = { statusCode: 503, headers: { 'retry-after': '5' } }

t.test('a service that the database refuses answers 503 until it is let in again', async (t) => {
  const { url, changePassword } = await newRole(t, await cloneDatabase(t))
  const app = await startApp(t, {}, url)
  const form = { username: 'johndoe', password: 'secret' }
  const john = as(app, await logIn(app, form.username, form.password))
  await changePassword('another')
  await until(async () => (await app.inject('/readyz')).statusCode === 503)
  t.match(await postToken(app, form), unavailable)
  t.match(await john.get('/users/me/items/'), unavailable)
  t.match(await john.post('/users/me/items/', { item_id: 'Bar' }), unavailable)
  await changePassword('secret')
  await until(async () => (await app.inject('/readyz')).statusCode === 200)
  t.match(await john.post('/users/me/items/', { item_id: 'Bar' }), { statusCode: 201 })
})

t.test('a service that the database refuses does not start', async (t) => {
  const { url, changePassword } = await newRole(t, await cloneDatabase(t))
  await changePassword('another')
  const program = startProgram(t, 'src/server.ts', { PORT: '0', DATABASE_URL: url })
  t.equal(await program.ends(), 1)
  t.match(program.stderr, /^latchkey: cannot reach the database: password authentication failed .*\n$/)
})
