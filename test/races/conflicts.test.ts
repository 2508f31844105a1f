import t from 'tap'
import { maxAttempts } from '../../src/database/conflicts.js'
import { query } from '../database/query.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction, untilWaiting } from '../helpers/replicas.js'

// PostgreSQL rolls back one of two transactions that wait for each other. It is run again.

const url = await cloneDatabase(t)
const app = await startApp(t, { JWT_SECRET: '' }, url)
await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin'])
const token = await logIn(app, 'johndoe', 'secret', 'me users:admin')
const { get, post, put, patch, delete: remove } = as(app, token)
await query(
  url,
  `CREATE SEQUENCE conflicts;
   CREATE TABLE conflict (state text, times int);
   INSERT INTO conflict VALUES ('', 0);
   CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS
     'DECLARE wanted conflict; BEGIN
       SELECT * INTO wanted FROM conflict;
       IF nextval(''conflicts'') <= wanted.times THEN RAISE EXCEPTION ''conflict'' USING ERRCODE = wanted.state; END IF;
       RETURN NULL;
     END';
   CREATE TRIGGER conflict AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION conflict();
   CREATE TRIGGER conflict AFTER INSERT ON token_families FOR EACH ROW EXECUTE FUNCTION conflict()`,
)

/** Makes the next transactions that record an event or a login fail. */
async function failNext(state: string, times: number): Promise<void> {
  await query(url, 'UPDATE conflict SET state = $1, times = $2', [state, times])
  await query(url, 'ALTER SEQUENCE conflicts RESTART')
}

const resource = { name: 'orders', audience: 'https://orders.example', scopes: [{ name: 'orders:read' }] }
const changes: [what: string, send: () => Promise<{ statusCode: number }>][] = [
  ['a new resource', () => post('/resources/', resource)],
  ['a change of a resource', () => patch('/resources/orders', { token_ttl_seconds: 600 })],
  ['a new role', () => post('/roles/', { name: 'clerk', scopes: ['orders:read'] })],
  ['a change of a role', () => patch('/roles/clerk', { scopes: [] })],
  ['a grant of a role', () => put('/users/alice/roles/clerk')],
  ['a change of a user', () => patch('/users/alice/', { scopes: ['orders:read'] })],
  ['a login', () => postToken(app, { username: 'johndoe', password: 'secret' })],
  ['a revocation of a role', () => remove('/users/alice/roles/clerk')],
  ['a deletion of a role', () => remove('/roles/clerk')],
  ['a deletion of a resource', () => remove('/resources/orders')],
]

t.test('a transaction that loses a conflict is run again, a bounded number of times', async (t) => {
  for (const [what, send] of changes)
    for (const state of ['40001', '40P01']) {
      await failNext(state, maxAttempts)
      t.equal((await send()).statusCode, 503, `${what}, ${state}`)
      const [counted] = await query<{ last_value: string }>(url, 'SELECT last_value FROM conflicts')
      t.equal(Number(counted?.last_value), maxAttempts, 'attempts')
      if (state === '40001') continue
      await failNext(state, maxAttempts - 1)
      t.equal(Math.floor((await send()).statusCode / 100), 2, `${what} at last`)
    }
  t.equal((await get('/resources/orders')).statusCode, 404)
})

t.test('any other failure is final', async (t) => {
  await failNext('55P03', 1)
  t.equal((await post('/resources/', resource)).statusCode, 503)
  t.equal((await post('/resources/', resource)).statusCode, 201)
})

t.test('a command that loses a conflict is run again', async (t) => {
  await failNext('40P01', 2)
  const { status } = await runCommand(url, ['roles', 'create', 'auditor', '--scope', 'orders:read'])
  t.equal(status, 0)
})

t.test('a deletion that deadlocks with a change of a user is done after it', async (t) => {
  await failNext('', 0)
  await query(url, "UPDATE users SET scopes = '{orders:read}' WHERE username = 'alice'")
  const gate = await beginTransaction(t, url, 'SELECT FROM role_scopes FOR UPDATE')
  const other = await beginTransaction(
    t,
    url,
    // The service looks for the deadlock first.
    "SET LOCAL deadlock_timeout = '1min'",
    "SELECT FROM users WHERE username = 'alice' FOR UPDATE",
  )
  const removed = remove('/resources/orders')
  await untilWaiting(url)
  const locked = other.query("SELECT FROM resource_scopes WHERE name = 'orders:read' FOR KEY SHARE")
  await untilWaiting(url, 2)
  await gate.query('COMMIT')
  await locked
  await other.query('COMMIT')
  t.equal((await removed).statusCode, 204)
  t.match((await get('/users/alice/')).json(), { scopes: [] })
})

t.test('two resources that claim the same scopes in another order do not deadlock', async (t) => {
  const names = ['a', 'b', 'c']
  const first = await beginTransaction(
    t,
    url,
    "INSERT INTO resources (id, name, identifier) VALUES (gen_random_uuid(), 'first', 'urn:first')",
    "INSERT INTO resource_scopes (name, resource_id) SELECT 'a', id FROM resources WHERE name = 'first'",
  )
  const scopes = names.map((name) => ({ name })).reverse()
  const second = post('/resources/', { name: 'second', audience: 'urn:second', scopes })
  await untilWaiting(url)
  // This would wait for the second, if that had begun with another scope.
  await first.query(
    "INSERT INTO resource_scopes (name, resource_id) SELECT unnest('{b,c}'::text[]), id FROM resources WHERE name = 'first'",
  )
  await first.query('COMMIT')
  t.match(await second, { statusCode: 409 })
})
