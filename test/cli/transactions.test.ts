import t from 'tap'
import { query } from '../database/query.js'
import { startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { storeResource, storeRole } from '../helpers/resources.js'

const password = 'correct horse'

/** Every command that changes something. */
const commands = (kid: string) => [
  ['users', 'create', 'bob'],
  ['users', 'disable', 'johndoe'],
  ['users', 'enable', 'alice'],
  ['users', 'set-password', 'johndoe'],
  ['users', 'set-scopes', 'johndoe', '--scope', 'items:admin'],
  ['users', 'invite'],
  ['users', 'set-email', 'johndoe', 'john@example.com'],
  ['users', 'delete', 'alice', '--yes'],
  ['clients', 'create', 'other', '--name', 'Other'],
  ['clients', 'create', 'phone', '--name', 'Phone', '--public'],
  ['clients', 'update', 'reports', '--name', 'All reports'],
  ['clients', 'update', 'reports', '--jwks-uri', 'https://reports.example/jwks'],
  ['clients', 'update', 'reports', '--remove-secrets'],
  ['clients', 'trust', 'reports', '--issuer', 'https://other.example', '--subject', 'a'],
  ['clients', 'untrust', 'reports', '--issuer', 'https://platform.example'],
  ['clients', 'rotate-secret', 'reports'],
  ['clients', 'disable', 'reports'],
  ['clients', 'enable', 'reports'],
  ['tokens', 'revoke', '--user', 'johndoe'],
  ['tokens', 'revoke', '--client', 'reports'],
  ['clients', 'delete', 'reports', '--yes'],
  ['resources', 'create', 'stock', '--audience', 'urn:stock'],
  ['resources', 'update', 'orders', '--token-ttl', '60'],
  ['resources', 'adopt', 'orders', '--scope', 'orders:write'],
  ['resources', 'disable', 'orders'],
  ['roles', 'create', 'boss'],
  ['roles', 'set-scopes', 'clerk', '--scope', 'orders:read'],
  ['roles', 'grant', 'seller', 'johndoe'],
  ['roles', 'revoke', 'clerk', 'johndoe'],
  ['roles', 'delete', 'clerk', '--yes'],
  ['resources', 'delete', 'orders', '--yes'],
  ['keys', 'rotate', '--now'],
  ['keys', 'retire', kid],
  ['webhooks', 'create', 'other', '--url', 'https://audit.example/'],
  ['webhooks', 'update', 'audit', '--action', 'login'],
  ['webhooks', 'disable', 'audit'],
  ['webhooks', 'enable', 'audit'],
  ['webhooks', 'rotate-secret', 'audit'],
  ['webhooks', 'delete', 'audit', '--yes'],
]

t.test('the change that a command makes and its event are one transaction', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '' }, url)
  const [{ kid }] = (await query(url, 'SELECT kid FROM signing_keys')) as [{ kid: string }]
  await runCommand(url, ['clients', 'create', 'reports', '--name', 'Reports'])
  await runCommand(url, [
    'clients',
    'trust',
    'reports',
    '--issuer',
    'https://platform.example',
    '--subject',
    'a',
  ])
  await runCommand(url, ['keys', 'rotate', '--now'])
  await runCommand(url, [
    'webhooks',
    'create',
    'audit',
    '--url',
    'https://audit.example/',
    '--action',
    'key_retired',
  ])
  await storeResource(app.database, { name: 'orders', identifier: 'urn:orders', scopes: ['orders:read'] })
  await storeRole(app.database, 'clerk', [], ['johndoe'])
  await storeRole(app.database, 'seller', [])
  const tables = [
    'resources',
    'resource_scopes',
    'roles',
    'role_scopes',
    'user_roles',
    'users',
    'clients',
    'client_secrets',
    'client_keys',
    'trusted_issuers',
    'one_time_tokens',
    'signing_keys',
    'webhooks',
    'outbox',
    'events',
  ]
  const contents = tables.map((name) => `(SELECT jsonb_agg(t ORDER BY t) FROM ${name} AS t) AS ${name}`)
  const readAll = () => query(url, `SELECT ${contents.join(', ')}`)
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
