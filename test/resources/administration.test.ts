import t from 'tap'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { beginTransaction } from '../helpers/replicas.js'

const url = await cloneDatabase(t)
const app = await startApp(t, { JWT_SECRET: '' }, url)
await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin'])
const token = await logIn(app, 'johndoe', 'secret', 'me users:admin')
const { get, post, put, patch, delete: remove } = as(app, token)
await storeClient(app.database, 'orders-api', 'lks_orders', [])

interface Document {
  name: string
  created_at: string
  updated_at: string
}

/** Sends a request with conditions. */
const sendIf = (method: 'GET' | 'PATCH' | 'DELETE', path: string, conditions: object, payload?: object) =>
  app.inject({
    method,
    url: path,
    headers: { authorization: `Bearer ${token}`, ...conditions },
    ...(payload && { payload }),
  })

/** Returns the names in a list, which is read in pages of one. */
async function namesOf(list: string): Promise<string[]> {
  const names: string[] = []
  for (let next: string | undefined = `${list}?limit=1`; next; ) {
    const response = await get(next)
    names.push(...response.json<Document[]>().map(({ name }) => name))
    next = /<(.*)>; rel="next"/.exec(String(response.headers.link ?? ''))?.[1]
  }
  return names
}

/** More scopes or servers than a resource, a role or a user can have. */
const many = Array.from({ length: 101 }, (_, index) => `s${index}`)
const tooMany = { detail: [{ type: 'maxItems', loc: ['body', 'scopes'] }] }

t.test('a resource is created, read, listed, changed and deleted', async (t) => {
  const created = await post('/resources/', {
    name: 'orders',
    audience: 'https://orders.example',
    scopes: [{ name: 'orders:read', description: 'Read orders', by_default: true }, { name: 'orders:write' }],
    token_ttl_seconds: 600,
    servers: ['orders-api'],
  })
  t.match(created, { statusCode: 201, headers: { location: '/resources/orders', etag: /^"[\w-]{43}"$/ } })
  const { created_at, updated_at, ...document } = created.json<Document>()
  t.same(document, {
    name: 'orders',
    audience: 'https://orders.example',
    scopes: [
      { name: 'orders:read', description: 'Read orders', by_default: true },
      { name: 'orders:write', description: null, by_default: false },
    ],
    token_ttl_seconds: 600,
    subject_type: 'public',
    servers: ['orders-api'],
    disabled: false,
  })
  const read = await get('/resources/orders')
  t.same(read.json(), created.json())
  t.equal(read.headers.etag, created.headers.etag)
  t.equal((await post('/resources/', { name: 'bills', audience: 'urn:bills' })).statusCode, 201)
  t.same(await namesOf('/resources/'), ['bills', 'orders'])
  for (const parameters of [
    'cursor=x',
    'limit=0',
    `cursor=${Buffer.from('["roles","a"]').toString('base64url')}`,
  ])
    t.equal((await get(`/resources/?${parameters}`)).statusCode, 422, parameters)

  const changed = await patch('/resources/orders', {
    audience: 'https://orders.example/v2',
    scopes: [{ name: 'orders:read' }, { name: 'orders:cancel', by_default: true }],
    token_ttl_seconds: null,
    subject_type: 'username',
    servers: [],
    disabled: true,
  })
  t.match(changed.json(), {
    audience: 'https://orders.example/v2',
    scopes: [
      { name: 'orders:cancel', by_default: true },
      { name: 'orders:read', description: null, by_default: false },
    ],
    token_ttl_seconds: null,
    subject_type: 'username',
    servers: [],
    disabled: true,
  })
  t.not(changed.headers.etag, created.headers.etag)
  t.same((await patch('/resources/orders', { disabled: false })).json(), {
    ...changed.json<Document>(),
    disabled: false,
    updated_at: (await get('/resources/orders')).json<Document>().updated_at,
  })
  const events = await get('/events/?subject=resource:orders')
  t.same(
    events.json<{ action: string; actor: string }[]>().map(({ action, actor }) => `${actor} ${action}`),
    ['enabled', 'disabled', 'changed', 'created'].map((what) => `johndoe resource_${what}`),
  )
  t.equal((await remove('/resources/bills')).statusCode, 204)
  t.same(await namesOf('/resources/'), ['orders'])
  for (const [name, status] of [
    ['bills', 404],
    ['a%00b', 422],
  ] as const)
    for (const method of ['GET', 'PATCH', 'DELETE'] as const) {
      const body = method === 'PATCH' ? {} : undefined
      t.equal((await as(app, token).send(method, `/resources/${name}`, body)).statusCode, status)
    }
})

t.test('every change updates the time of the last one, and is recorded', async (t) => {
  await post('/resources/', { name: 'empty', audience: 'urn:empty' })
  await post('/roles/', { name: 'empty' })
  for (const [path, subject] of [
    ['/resources/empty', 'resource:empty'],
    ['/roles/empty', 'role:empty'],
  ] as const) {
    for (const change of [{}, { scopes: [] }]) {
      const { updated_at: before } = (await get(path)).json<Document>()
      const { updated_at: after } = (await patch(path, change)).json<Document>()
      t.ok(after > before, `${path} ${JSON.stringify(change)}`)
    }
    const events = (await get(`/events/?subject=${subject}`)).json<{ action: string }[]>()
    t.equal(events.filter(({ action }) => action.endsWith('_changed')).length, 2)
    t.equal((await remove(path)).statusCode, 204)
  }
})

t.test('a change can depend on the current state', async (t) => {
  for (const [path, change] of [
    ['/resources/orders', { token_ttl_seconds: 300 }],
    ['/roles/clerk', { description: 'Takes orders' }],
  ] as const) {
    if (path.startsWith('/roles')) await post('/roles/', { name: 'clerk' })
    const { etag } = (await get(path)).headers
    t.equal((await sendIf('GET', path, { 'if-none-match': etag })).statusCode, 304)
    t.equal((await sendIf('PATCH', path, { 'if-match': '"other"' }, change)).statusCode, 412)
    t.equal((await sendIf('DELETE', path, { 'if-match': '"other"' })).statusCode, 412)
    t.equal((await sendIf('PATCH', path, { 'if-match': etag }, change)).statusCode, 200)
    t.equal((await sendIf('PATCH', path, { 'if-match': etag }, change)).statusCode, 412, 'it has changed')
    t.equal((await sendIf('GET', path, { 'if-none-match': etag })).statusCode, 200)
  }
  const { etag } = (await get('/resources/orders')).headers
  const racing = await Promise.all(
    [301, 302, 303].map((token_ttl_seconds) =>
      sendIf('PATCH', '/resources/orders', { 'if-match': etag }, { token_ttl_seconds }),
    ),
  )
  t.same(racing.map(({ statusCode }) => statusCode).sort(), [200, 412, 412])
})

t.test('what is invalid or taken is refused, and nothing is stored', async (t) => {
  await storeClient(app.database, 'stock-client', 'lks_stock', ['stock:read'])
  const before = (await get('/resources/orders')).body
  const fresh = { name: 'fresh', audience: 'https://fresh.example' }
  for (const [change, status, detail] of [
    [{ name: 'orders' }, 409, 'A resource with this name already exists'],
    [{ audience: 'https://orders.example/v2' }, 409, /^The audience belongs/],
    [{ audience: 'http://localhost:8000/' }, 409, /^The audience belongs/],
    [{ audience: 'latchkey:nobody' }, 409, /^The audience belongs/],
    [{ scopes: [{ name: 'orders:read' }] }, 409, /^A scope belongs/],
    [{ scopes: [{ name: 'users:admin' }] }, 409, /^A scope belongs/],
    [{ scopes: [{ name: 'stock:read' }] }, 409, /^Clients already have a scope/],
    [{ servers: ['absent'] }, 422, [{ loc: ['body', 'servers'] }]],
    [{ servers: ['first-party'] }, 422, [{ loc: ['body', 'servers'], msg: /confidential/ }]],
    [{ scopes: [{ name: 'a' }, { name: 'a', by_default: true }] }, 422, [{ loc: ['body', 'scopes'] }]],
    [{ scopes: many.map((name) => ({ name })) }, 422, [{ type: 'maxItems', loc: ['body', 'scopes'] }]],
    [{ scopes: [{ name: 'a b' }] }, 422, [{}]],
    [{ scopes: [{ name: 'x'.repeat(256) }] }, 422, [{}]],
    [{ scopes: [{ name: 'a', description: 'a\nb' }] }, 422, [{}]],
    [{ scopes: [{ name: 'a', id: 1 }] }, 422, [{}]],
    [{ name: 'Fresh' }, 422, [{ loc: ['body', 'name'] }]],
    [{ name: 'a--b' }, 422, [{ loc: ['body', 'name'] }]],
    [{ name: 'a'.repeat(65) }, 422, [{ loc: ['body', 'name'] }]],
    [{ audience: 'fresh' }, 422, [{ loc: ['body', 'audience'] }]],
    [{ audience: 'https://fresh.example/#a' }, 422, [{ loc: ['body', 'audience'] }]],
    [{ audience: `https://fresh.example/${'a'.repeat(1_024)}` }, 422, [{ loc: ['body', 'audience'] }]],
    [{ token_ttl_seconds: 59 }, 422, [{ loc: ['body', 'token_ttl_seconds'] }]],
    [{ token_ttl_seconds: 86_401 }, 422, [{ loc: ['body', 'token_ttl_seconds'] }]],
    [{ subject_type: 'email' }, 422, [{ loc: ['body', 'subject_type'] }]],
    [{ servers: many }, 422, [{ type: 'maxItems', loc: ['body', 'servers'] }]],
    [{ id: 'x' }, 422, [{ loc: ['body', 'id'] }]],
  ] as const) {
    const response = await post('/resources/', { ...fresh, ...change })
    t.match(
      { status: response.statusCode, ...response.json<object>() },
      { status, detail },
      JSON.stringify(change),
    )
  }
  for (const [change, status] of [
    [{ audience: 'http://localhost:8000' }, 409],
    [{ scopes: [{ name: 'stock:read' }] }, 409],
    [{ scopes: [{ name: 'me' }] }, 409],
    [{ servers: ['absent'] }, 422],
    [{ name: 'other' }, 422],
    [{ scopes: null }, 422],
  ] as const)
    t.equal((await patch('/resources/orders', change)).statusCode, status, JSON.stringify(change))
  await post('/resources/', fresh)
  const stolen = await patch('/resources/fresh', { audience: 'https://orders.example/v2' })
  t.match(stolen, { statusCode: 409, body: /The audience belongs/ })
  t.equal((await remove('/resources/fresh')).statusCode, 204)
  t.equal((await get('/resources/orders')).body, before)
  t.same(await namesOf('/resources/'), ['orders'])
})

t.test('a role is created, read, listed, changed and deleted', async (t) => {
  await patch('/resources/orders', { scopes: [{ name: 'orders:read' }, { name: 'orders:write' }] })
  const created = await post('/roles/', { name: 'Boss', scopes: ['orders:write', 'items:admin'] })
  t.match(created, { statusCode: 201, headers: { location: '/roles/Boss' } })
  t.match(created.json(), { name: 'Boss', description: null, scopes: ['items:admin', 'orders:write'] })
  t.match(await post('/roles/', { name: 'Boss' }), { statusCode: 409, body: /A role with this name/ })
  t.same((await namesOf('/roles/')).sort(), ['Boss', 'clerk'])
  for (const body of [
    { name: 'a b' },
    { name: '.a' },
    { name: 'x', scopes: ['users:admin'] },
    { name: 'x', scopes: ['absent'] },
    { name: 'x', scopes: ['me'] },
    { name: 'x', scopes: ['orders:read', 'orders:read'] },
    { name: 'x', description: '\u0007' },
    { name: 'x', users: [] },
  ])
    t.equal((await post('/roles/', body)).statusCode, 422, JSON.stringify(body))
  for (const scopes of [['absent'], ['users:admin']])
    t.equal((await patch('/roles/Boss', { scopes })).statusCode, 422)
  t.match((await patch('/roles/Boss', { scopes: many })).json(), tooMany)
  t.match((await patch('/roles/Boss', { description: 'Decides', scopes: ['orders:read'] })).json(), {
    description: 'Decides',
    scopes: ['orders:read'],
  })
  t.match((await patch('/roles/Boss', { description: null })).json(), {
    description: null,
    scopes: ['orders:read'],
  })
  t.equal((await remove('/roles/Boss')).statusCode, 204)
  for (const method of ['GET', 'PATCH', 'DELETE'] as const)
    t.equal(
      (await as(app, token).send(method, '/roles/Boss', method === 'PATCH' ? {} : undefined)).statusCode,
      404,
    )
})

t.test('roles and scopes of resources are granted to users by administrators', async (t) => {
  const rolesOf = async (username: string) =>
    (await get(`/users/${username}/`)).json<{ roles: string[] }>().roles
  await patch('/roles/clerk', { scopes: ['orders:read'] })
  for (let times = 0; times < 2; times++) t.equal((await put('/users/alice/roles/clerk')).statusCode, 204)
  t.same(await rolesOf('alice'), ['clerk'])
  for (const [path, status] of [
    ['/users/absent/roles/clerk', 404],
    ['/users/alice/roles/absent', 404],
    ['/users/alice/roles/a%00b', 422],
  ] as const)
    for (const method of ['PUT', 'DELETE'] as const)
      t.equal((await as(app, token).send(method, path)).statusCode, status, path)
  for (let times = 0; times < 2; times++) t.equal((await remove('/users/alice/roles/clerk')).statusCode, 204)
  t.same(await rolesOf('alice'), [])
  const events = await query(
    url,
    "SELECT action, subject FROM events WHERE action LIKE 'role_%ed' AND user_id IS NOT NULL ORDER BY id",
  )
  t.same(events, [
    { action: 'role_granted', subject: 'alice' },
    { action: 'role_revoked', subject: 'alice' },
  ])

  t.match((await patch('/users/alice/', { scopes: ['orders:read', 'items:admin'] })).json(), {
    scopes: ['orders:read', 'items:admin'],
  })
  for (const scopes of [['absent'], ['me'], ['a b']])
    t.equal((await patch('/users/alice/', { scopes })).statusCode, 422)
  t.match((await patch('/users/alice/', { scopes: many })).json(), tooMany)
  await patch('/resources/orders', { scopes: [{ name: 'orders:write' }] })
  t.match((await get('/users/alice/')).json(), { scopes: ['items:admin'] }, 'a deleted scope is taken away')
  t.match((await get('/roles/clerk')).json(), { scopes: [] })
})

t.test('a failure of the database is not reported as a conflict', async (t) => {
  await query(
    url,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''no''; END';
     CREATE TRIGGER refuse BEFORE UPDATE ON resources FOR EACH ROW EXECUTE FUNCTION refuse()`,
  )
  t.equal((await patch('/resources/orders', { audience: 'urn:orders' })).statusCode, 500)
  await query(url, 'DROP TRIGGER refuse ON resources')
})

t.test('with a shared secret no resource can be created', async (t) => {
  const other = await startApp(t, {}, url)
  const johndoe = await logIn(other, 'johndoe', 'secret', 'users:admin')
  const body = { name: 'fresh', audience: 'https://fresh.example' }
  const response = await as(other, johndoe).post('/resources/', body)
  t.match(response, { statusCode: 403, body: /signs with a shared secret/ })
})

t.test('a deployment can require preconditions', async (t) => {
  const strict = await startApp(t, { JWT_SECRET: '', REQUIRE_IF_MATCH: 'true' }, url)
  for (const path of ['/resources/orders', '/roles/clerk'])
    for (const method of ['PATCH', 'DELETE'] as const)
      t.equal(
        (await as(strict, token).send(method, path, method === 'PATCH' ? {} : undefined)).statusCode,
        428,
      )
})

t.test(
  'the scopes of a deleted resource can be defined again at once, and former users do not have them',
  async (t) => {
    const url = await cloneDatabase(t)
    const app = await startApp(t, { JWT_SECRET: '' }, url)
    await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin'])
    const { get, post, patch, delete: remove } = as(app, await logIn(app, 'johndoe', 'secret', 'users:admin'))
    const stock = { name: 'stock', audience: 'urn:stock', scopes: [{ name: 'stock:read' }] }
    t.equal((await post('/resources/', stock)).statusCode, 201)
    const scopes = ['stock:read', 'items:admin']
    t.match((await patch('/users/alice/', { scopes })).json(), { scopes })
    const keeping = await beginTransaction(t, url, "SELECT FROM users WHERE username = 'alice' FOR SHARE")
    t.equal((await remove('/resources/stock')).statusCode, 204)
    const stored = "SELECT scopes FROM users WHERE username = 'alice'"
    t.same(await query(url, stored), [{ scopes }], 'she still has the scope')
    t.match((await get('/users/alice/')).json(), { scopes: ['items:admin'] }, 'it is not shown')
    t.match((await runCommand(url, ['users', 'export'])).stdout, /"alice".*"scopes":\["items:admin"\]/)
    t.match(await post('/resources/', stock), { statusCode: 409, body: /or was just deleted/ })
    await keeping.query('ROLLBACK')
    t.equal((await post('/resources/', stock)).statusCode, 201)
    t.same(await query(url, stored), [{ scopes: ['items:admin'] }])

    t.equal((await patch('/resources/stock', { scopes: [] })).statusCode, 200)
    t.equal((await patch('/resources/stock', { scopes: stock.scopes })).statusCode, 200)
  },
)
