import t from 'tap'
import { query } from '../database/query.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction, untilWaiting } from '../helpers/replicas.js'

const url = await cloneDatabase(t)

/** Runs a command whose words are separated by spaces; quotes join words. */
const run = (line: string, io?: Parameters<typeof runCommand>[2]) =>
  runCommand(
    url,
    [...line.matchAll(/'([^']*)'|[^\s']+/g)].map(([word, quoted]) => quoted ?? word),
    io,
  )
const json = async <T>(line: string): Promise<T> => {
  const { status, stdout, stderr } = await run(`${line} --json`)
  t.equal(status, 0, `${line}: ${stderr}`)
  return JSON.parse(stdout) as T
}
const succeed = async (line: string, stdout: RegExp | string = /./) =>
  t.match(await run(line), { status: 0, stdout, stderr: '' }, line)
const fail = async (line: string, status: number, message: RegExp | string) =>
  t.match(await run(line), { status, stdout: '', stderr: message }, line)

interface ResourceRow {
  name: string
  scopes: string[]
  default_scopes: string[]
  token_ttl_seconds: number | null
  servers: string[]
  updated_at: string
}

await succeed("clients create orders-api --name 'Orders API'")

t.test('a resource is created, changed, disabled and deleted', async (t) => {
  await succeed(
    'resources create orders --audience https://orders.example --scope orders:read orders:write',
    'Created orders.\n',
  )
  t.match(await json('resources show orders'), {
    name: 'orders',
    audience: 'https://orders.example',
    scopes: ['orders:read', 'orders:write'],
    default_scopes: [],
    token_ttl_seconds: null,
    subject_type: 'public',
    servers: [],
    disabled: false,
  })
  const all = '--default-scope b --token-ttl 600 --subject username --server orders-api --disabled'
  t.match(await json(`resources create bills --audience urn:bills --scope 'a b' ${all}`), {
    scopes: ['a', 'b'],
    default_scopes: ['b'],
    token_ttl_seconds: 600,
    subject_type: 'username',
    servers: ['orders-api'],
    disabled: true,
  })
  await succeed(
    'resources list',
    /^name +audience .*\nbills +urn:bills +a b +b +600 +orders-api +true\norders /,
  )
  const { length } = await json<ResourceRow[]>('resources list')
  t.equal(length, 2)

  await fail('resources metadata bills', 4, 'only resources whose audience is a URL have metadata')
  await fail('resources metadata nothing', 3, 'there is no resource nothing')
  t.match(await run('resources metadata orders', { env: { JWT_SECRET: 'a'.repeat(64) } }), {
    status: 4,
    stderr: /shared secret/,
  })
  await succeed('resources enable bills', 'bills is enabled.\n')
  await succeed('resources disable bills', 'bills is disabled.\n')
  await succeed('resources update bills --audience urn:bills:2 --token-ttl default --subject public')
  t.match(await json("resources update bills --server '' --default-scope a c"), {
    audience: 'urn:bills:2',
    scopes: ['a', 'b', 'c'],
    default_scopes: ['a', 'c'],
    token_ttl_seconds: null,
    servers: [],
  })
  await fail(
    'resources update bills --scope a d',
    2,
    'without a terminal, a deletion requires --yes: Delete the scopes b c, also from all users, roles and clients?',
  )
  t.match(await run('resources update bills --scope a d', { isTTY: true, input: 'n\n' }), {
    status: 4,
    stderr: 'Delete the scopes b c, also from all users, roles and clients? [y/N] ',
  })
  t.match(await json('resources update bills --scope a d --yes'), {
    scopes: ['a', 'd'],
    default_scopes: ['a'],
  })
  await fail('resources delete bills', 2, 'without a terminal, a deletion requires --yes')
  await succeed('resources delete bills --yes', 'Deleted bills.\n')
  await fail('resources show bills', 3, 'latchkey: there is no resource bills\n')
  const actions = await query<{ action: string }>(
    url,
    "SELECT action FROM events WHERE subject = 'resource:bills' AND actor = 'cli' ORDER BY id",
  )
  t.same(
    actions.map(({ action }) => action),
    [
      'resource_created',
      'resource_enabled',
      'resource_disabled',
      ...Array.from({ length: 3 }, () => 'resource_changed'),
      'resource_deleted',
    ],
  )
})

t.test('scopes that clients already have are adopted, and the clients are named', async (t) => {
  t.match(await run('clients create one --name One --scope stock:read --scope me'), { status: 0 })
  t.match(await run('clients create two --name Two --public --scope stock:read'), { status: 0 })
  await fail(
    'resources create stock --audience https://stock.example --scope stock:read',
    4,
    /^latchkey: one already has stock:read, .* latchkey resources adopt/,
  )
  await succeed('resources create stock --audience https://stock.example')
  await fail('resources update stock --scope stock:read', 4, /resources adopt/)
  await succeed(
    'resources adopt stock --scope stock:read stock:write',
    'stock has stock:read stock:write.\n' +
      'one gets another audience in its tokens.\ntwo gets another audience in its tokens.\n',
  )
  t.same(await json('resources adopt stock --scope stock:read'), {
    name: 'stock',
    scopes: ['stock:read'],
    clients: [],
  })
  await fail(
    'resources adopt orders --scope stock:read',
    4,
    'latchkey: stock:read belongs to another resource',
  )
  await fail('resources adopt absent --scope x', 3, 'latchkey: there is no resource absent\n')
  const { updated_at: before } = await json<ResourceRow>('resources show stock')
  const others = Array.from({ length: 98 }, (_, index) => `stock:${index}`)
  await succeed(`resources adopt stock --scope ${others.join(' ')}`)
  const full = await json<ResourceRow>('resources show stock')
  t.equal(full.scopes.length, 100)
  t.not(full.updated_at, before)
  await fail(
    'resources adopt stock --scope stock:more',
    2,
    'latchkey: a resource can have at most 100 scopes\n',
  )
  t.match(await run('resources adopt orders --scope x', { env: { JWT_SECRET: 'x'.repeat(40) } }), {
    status: 4,
    stderr: /signs with a shared secret, and resources need published keys/,
  })
  t.same((await json<ResourceRow>('resources show stock')).updated_at, full.updated_at)
})

t.test('scopes of a resource are added and removed one by one', async (t) => {
  await succeed('resources create parts --audience urn:parts --scope p:read p:write --default-scope p:read')
  await succeed('roles create smith --scope p:read p:write')
  t.match(await json('resources update parts --add-scope p:list p:read --default-scope p:list'), {
    scopes: ['p:list', 'p:read', 'p:write'],
    default_scopes: ['p:list'],
  })
  const question = 'Delete the scope p:write, also from all users, roles and clients?'
  await fail(
    'resources update parts --remove-scope p:write',
    2,
    `latchkey: without a terminal, a deletion requires --yes: ${question}`,
  )
  t.match(await run('resources update parts --remove-scope p:write', { isTTY: true, input: 'n\n' }), {
    status: 4,
    stderr: `${question} [y/N] latchkey: nothing was deleted`,
  })
  t.match(await json('resources update parts --add-scope p:more --remove-scope p:write --yes'), {
    scopes: ['p:list', 'p:more', 'p:read'],
    default_scopes: ['p:list'],
  })
  t.match(await json('roles show smith'), { scopes: ['p:read'] })
  for (const [options, message] of [
    ['--scope p:read --add-scope x', '--scope excludes --add-scope and --remove-scope'],
    ['--remove-scope p:wrote', 'parts has no scope p:wrote'],
    ['--add-scope p:read --remove-scope p:read', 'p:read is both added and removed'],
    ['--default-scope p:read --remove-scope p:read', 'p:read is both added and removed'],
    [`--add-scope 'p"q'`, 'invalid scope p"q'],
  ] as const)
    await fail(`resources update parts ${options}`, 2, `latchkey: ${message}`)
})

t.test('a scope that a resource has got since the question is not deleted', async (t) => {
  const other = await beginTransaction(t, url, "SELECT FROM resources WHERE name = 'parts' FOR UPDATE")
  const update = run('resources update parts --scope p:read', { isTTY: true, input: 'y\n' })
  await untilWaiting(url)
  await other.query(
    "INSERT INTO resource_scopes (name, resource_id) SELECT 'p:new', id FROM resources WHERE name = 'parts'",
  )
  await other.query('COMMIT')
  t.match(await update, { status: 4, stderr: /parts has got p:new meanwhile: try again/ })
  t.match(await json('resources show parts'), { scopes: ['p:list', 'p:more', 'p:new', 'p:read'] })
})

t.test('scopes of a role are added and removed one by one', async (t) => {
  await succeed('roles set-scopes smith --add p:list items:admin', 'smith has items:admin p:list p:read.\n')
  await succeed('roles set-scopes smith --add p:list --remove items:admin p:read', 'smith has p:list.\n')
  await succeed('roles set-scopes smith --remove p:list', 'smith has no scopes.\n')
  for (const [options, status, message] of [
    ['--scope p:read --add p:list', 2, '--scope excludes --add and --remove'],
    ['--remove p:wrote', 2, 'the scope p:wrote does not exist'],
    ['--add p:list --remove p:list', 2, 'p:list is both added and removed'],
    [`--remove 'p"q'`, 2, 'invalid scope p"q'],
    ['--add users:admin', 2, 'a role cannot have users:admin'],
  ] as const)
    await fail(`roles set-scopes smith ${options}`, status, `latchkey: ${message}`)
  await fail('roles set-scopes absent --add p:list', 3, 'there is no role absent')
  await succeed('resources create many --audience urn:many')
  const many = Array.from({ length: 100 }, (_, index) => `many:${index}`).join(' ')
  await succeed(`resources update many --add-scope ${many}`)
  await succeed(`roles set-scopes smith --add ${many}`)
  await fail('roles set-scopes smith --add p:list', 2, 'latchkey: a role can have at most 100 scopes\n')
  const other = await beginTransaction(t, url, "DELETE FROM roles WHERE name = 'smith'")
  const late = run('roles set-scopes smith --add p:list')
  await untilWaiting(url)
  await other.query('COMMIT')
  t.match(await late, { status: 3, stderr: 'latchkey: it was deleted concurrently\n' })
})

t.test('what cannot be done is explained in one line and by the exit status', async () => {
  const create = 'resources create x --audience https://x.example'
  for (const [line, status, message] of [
    ['resources create orders --audience https://x.example', 4, /a resource with this name already exists/],
    ['resources create x --audience https://orders.example/', 4, /the audience belongs to another resource/],
    [`${create} --scope orders:read`, 4, /orders:read belongs to another resource/],
    [`${create} --scope me`, 4, /me belongs to another resource, or to this service/],
    [`${create} --server absent`, 2, /absent is not a confidential client/],
    [`${create} --server a/b`, 2, /a\/b is not a client ID/],
    [
      `${create} --server '${Array.from({ length: 21 }, (_, i) => `s${i}`).join(' ')}'`,
      2,
      /at most 20 servers/,
    ],
    [`${create} --scope 'a"b'`, 2, /invalid scope a"b: a scope must consist of printable ASCII/],
    [
      `${create} --scope '${Array.from({ length: 101 }, (_, i) => `s${i}`).join(' ')}'`,
      2,
      /at most 100 scopes/,
    ],
    [`${create} --token-ttl 1e3`, 2, /from 60 to 86400 seconds/],
    [`${create} --subject email`, 2, /Allowed choices/],
    ['resources create X --audience https://x.example', 2, /lower-case letters/],
    ['resources create x --audience orders', 2, /an absolute URI without a fragment/],
    ['resources update stock', 2, /specify --audience/],
    ['resources update absent --token-ttl 60', 3, /there is no resource absent/],
    ['resources disable absent', 3, /there is no resource absent/],
    ['roles create stock --scope absent', 2, /the scope absent does not exist/],
    [
      `roles create stock --scope '${Array.from({ length: 101 }, (_, i) => `s${i}`).join(' ')}'`,
      2,
      /at most 100 scopes/,
    ],
    ['roles create stock --scope users:admin', 2, /a role cannot have users:admin/],
    [`roles create stock --scope 'a"b'`, 2, /invalid scope a"b/],
    ['roles create .x', 2, /begin with a letter or digit/],
    [`roles create x --description '${'x'.repeat(256)}'`, 2, /at most 255 characters/],
    ["roles create x --description 'a\x07b'", 2, /no control characters/],
    ['roles show absent', 3, /there is no role absent/],
    ['roles show a\0b', 3, /there is no role/],
    ['resources show a\0b', 3, /there is no resource/],
    ['roles set-scopes absent --scope p', 3, /there is no role absent/],
  ] as const)
    await fail(line, status, message)
  t.match(await runCommand(url, create.split(' '), { env: { JWT_SECRET: 'x'.repeat(40) } }), {
    status: 4,
    stderr: /signs with a shared secret, and resources need published keys/,
  })
})

t.test('a role is created, granted, changed, taken back and deleted', async (t) => {
  await succeed("roles create clerk --scope orders:read items:admin --description 'Takes orders'")
  t.match(await json('roles show clerk'), { scopes: ['items:admin', 'orders:read'], users: 0 })
  await fail('roles create clerk', 4, /a role with this name already exists/)
  await succeed('roles grant clerk johndoe alice', 'Granted clerk: johndoe alice\n')
  await succeed('roles grant clerk johndoe')
  await fail('roles grant clerk alice absent', 3, /there is no user absent/)
  t.match(await json('users show johndoe'), { scopes: [], roles: ['clerk'], subject: /^[\w-]{22}$/ })
  await succeed('roles list', /^name .*\nclerk +items:admin orders:read +2 +Takes orders\n$/)
  await succeed('roles set-scopes clerk --scope orders:write', 'clerk has orders:write.\n')
  t.match(await json('roles show clerk'), { scopes: ['orders:write'], users: 2 })
  await fail('roles set-scopes clerk', 2, /--scope '' removes all scopes/)
  await succeed("roles set-scopes clerk --scope ''", 'clerk has no scopes.\n')
  await succeed('roles revoke clerk alice', 'Revoked clerk: alice\n')
  await succeed('roles revoke clerk alice')
  t.match(await json('roles show clerk'), { scopes: [], users: 1, description: 'Takes orders' })
  await fail('roles delete clerk', 2, 'without a terminal, a deletion requires --yes')
  t.match(await json('roles create cook --scope items:admin'), {
    name: 'cook',
    description: null,
    scopes: ['items:admin'],
    users: 0,
    created_at: /Z$/,
  })
  await succeed("roles update clerk --description 'Serves guests'", 'Changed clerk.\n')
  t.match(await json('roles show clerk'), { description: 'Serves guests', scopes: [], users: 1 })
  await fail('roles update absent --description x', 3, /there is no role absent/)
  await run('users create role:waiter --force --generate-password')
  await succeed('roles create waiter')
  t.same(
    await query(
      url,
      "SELECT action, user_id FROM events WHERE subject = 'role:waiter' ORDER BY id DESC LIMIT 1",
    ),
    [{ action: 'role_created', user_id: null }],
    'a user with the same name as the subject of a role does not see its events',
  )
  await succeed('roles delete clerk --yes', 'Deleted clerk.\n')
  t.match(await json('users show johndoe'), { roles: [] })
  const events = await query(
    url,
    "SELECT subject FROM events WHERE action IN ('role_granted', 'role_revoked')",
  )
  t.same(events.map(({ subject }) => subject).sort(), ['alice', 'alice', 'johndoe'])
})

t.test('users and clients are given scopes of resources, and are shown with them', async (t) => {
  await run('roles create clerk --scope orders:read')
  const options = "--scope 'orders:write items:admin' --role clerk --generate-password"
  t.match(await json(`users create bob ${options}`), {
    scopes: ['orders:write', 'items:admin'],
    roles: ['clerk'],
  })
  t.match(await json('users show bob'), { scopes: ['orders:write', 'items:admin'], roles: ['clerk'] })
  await succeed('users list', / scopes +roles .*\nbob .* orders:write items:admin +clerk /s)
  await succeed('users set-scopes bob --scope orders:read', 'bob has orders:read.\n')
  await fail(
    'users set-scopes bob --scope orders:reed',
    2,
    /^latchkey: there is no scope orders:reed: users can have/,
  )
  await fail('users set-scopes nobody --scope orders:read', 3, /there is no user nobody/)
  await fail('users create eve --scope orders:reed --generate-password', 2, /there is no scope orders:reed/)
  await fail('users create eve --role boss --generate-password', 3, /there is no role boss/)
  await fail('users show eve', 3, /there is no user eve/)
  const many = Array.from({ length: 101 }, (_, index) => `s${index}`).join(' ')
  await fail(`users set-scopes bob --scope '${many}'`, 2, /at most 100 additional scopes/)

  await succeed('resources update orders --server orders-api')
  await succeed("clients create shop --name Shop --scope 'orders:read items:read'")
  t.match(await json('clients show shop'), { resources: ['orders'], introspects: [] })
  t.match(await json('clients show orders-api'), { resources: [], introspects: ['orders'] })
  t.match(await run('clients update shop --scope orders:read --scope orders:reed'), {
    status: 0,
    stdout: 'Changed shop.\n',
    stderr: /^latchkey: notice: no resource has orders:reed, so tokens .* of this service; .* adopt .*\n$/,
  })
  t.match(await run('clients create other --name Other --scope other'), {
    status: 0,
    stderr: /^latchkey: notice: no resource has other, so/,
  })
})
