import t from 'tap'
import { query } from '../database/query.js'
import { startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

const password = 'correct horse'

/** Every command that changes something. */
const commands = (kid: string) => [
  ['users', 'create', 'bob'],
  ['users', 'disable', 'johndoe'],
  ['users', 'enable', 'alice'],
  ['users', 'set-password', 'johndoe'],
  ['users', 'set-scopes', 'johndoe', '--scope', 'items:admin'],
  ['users', 'invite'],
  ['users', 'delete', 'alice'],
  ['clients', 'create', 'other', '--name', 'Other'],
  ['clients', 'create', 'phone', '--name', 'Phone', '--public'],
  ['clients', 'rotate-secret', 'reports'],
  ['clients', 'disable', 'reports'],
  ['clients', 'enable', 'reports'],
  ['tokens', 'revoke', '--user', 'johndoe'],
  ['tokens', 'revoke', '--client', 'reports'],
  ['clients', 'delete', 'reports'],
  ['keys', 'rotate', '--now'],
  ['keys', 'retire', kid],
]

t.test('the change that a command makes and its event are one transaction', async (t) => {
  const url = await cloneDatabase(t)
  await startApp(t, { JWT_SECRET: '' }, url)
  const [{ kid }] = (await query(url, 'SELECT kid FROM signing_keys')) as [{ kid: string }]
  await runCommand(url, ['clients', 'create', 'reports', '--name', 'Reports'])
  await runCommand(url, ['keys', 'rotate', '--now'])
  const tables = ['users', 'clients', 'client_secrets', 'one_time_tokens', 'signing_keys', 'events']
  const readAll = () =>
    Promise.all(tables.map((name) => query(url, `SELECT to_jsonb(t) AS row FROM ${name} AS t ORDER BY row`)))
  const before = await readAll()

  await query(
    url,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no event''; END';
     CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION refuse()`,
  )
  for (const args of commands(kid)) {
    const { status, stdout } = await runCommand(url, args, { input: password })
    t.equal(status, 1, args.join(' '))
    t.equal(stdout, '', 'no success is reported')
    t.same(await readAll(), before, 'nothing has changed')
  }

  await query(url, 'DROP TRIGGER refuse ON events')
  for (const args of commands(kid)) {
    const events = (await query(url, 'SELECT FROM events')).length
    const { status, stderr } = await runCommand(url, args, { input: password })
    t.equal(status, 0, `${args.join(' ')} ${stderr}`)
    t.equal((await query(url, 'SELECT FROM events')).length, events + 1)
  }
})
