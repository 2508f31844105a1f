import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'

interface ItemDetail {
  item_id: string
  owner: string
  title: string | null
  description: string | null
  metadata: Record<string, unknown>
  created_at: string
  version: number
}

async function start(t: Test, settings: Record<string, string> = {}) {
  const app = await startApp(t, settings)
  return { app, token: await logIn(app, 'johndoe', 'secret') }
}

function send(
  app: FastifyInstance,
  token: string,
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  url: string,
  payload?: unknown,
  headers: Record<string, string> = {},
) {
  return app.inject({
    method,
    url,
    headers: {
      authorization: `Bearer ${token}`,
      ...(payload !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload !== undefined && {
      payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
    }),
  })
}

const path = '/users/me/items/'

t.test('the list without a query is the one of the tutorial, the oldest item first', async (t) => {
  const { app, token } = await start(t)
  await send(app, token, 'POST', path, { item_id: 'Bar', title: 'A bar' })
  for (const query of ['', '?limit=0'])
    t.same((await as(app, token).get(`${path}${query}`)).json(), [
      { item_id: 'Foo', owner: 'johndoe' },
      { item_id: 'Bar', owner: 'johndoe', title: 'A bar' },
    ])
})

t.test('an item is created, read, replaced, patched and deleted', async (t) => {
  const { app, token } = await start(t)
  const created = await send(app, token, 'POST', path, {
    item_id: 'a.b_c~d-1',
    title: 'Title',
    metadata: { a: { b: [1, 'é', null] } },
  })
  t.equal(created.statusCode, 201)
  t.equal(created.headers.location, `${path}a.b_c~d-1`)
  const item = created.json<ItemDetail>()
  t.match(item, { item_id: 'a.b_c~d-1', owner: 'johndoe', title: 'Title', description: null, version: 1 })
  const url = String(created.headers.location)
  const read = await as(app, token).get(url)
  t.same(read.json(), item)
  t.equal(read.headers.etag, created.headers.etag)

  const put = await send(app, token, 'PUT', url, { description: 'Text' })
  t.equal(put.statusCode, 200)
  t.match(put.json(), { title: null, description: 'Text', metadata: {}, version: 2 })
  t.not(put.headers.etag, created.headers.etag)
  const patched = await send(
    app,
    token,
    'PATCH',
    url,
    { title: 'New', description: null, metadata: { a: 1, b: { c: 2 } } },
    { 'content-type': 'application/merge-patch+json' },
  )
  t.match(patched.json(), { title: 'New', description: null, metadata: { a: 1, b: { c: 2 } }, version: 3 })
  const merged = await send(app, token, 'PATCH', url, { metadata: { a: null, b: { d: 3 } } })
  t.same(merged.json<ItemDetail>().metadata, { b: { c: 2, d: 3 } })
  t.same((await send(app, token, 'PATCH', url, { metadata: null })).json<ItemDetail>().metadata, {})

  t.equal((await send(app, token, 'DELETE', url)).statusCode, 204)
  for (const response of [await as(app, token).get(url), await send(app, token, 'DELETE', url)]) {
    t.equal(response.statusCode, 404)
    t.same(response.json(), { detail: 'Not Found', code: 'not_found' })
  }
  t.equal((await send(app, token, 'PATCH', url, {})).statusCode, 404)
  t.equal((await send(app, token, 'PUT', url, {})).statusCode, 201, 'PUT adds it again')
  t.match((await send(app, token, 'POST', path, {})).json(), { item_id: /^[\da-f-]{36}$/ })
  t.equal((await send(app, token, 'POST', path, { item_id: 'Foo' })).statusCode, 409)
})

t.test('a change can be conditional on the current state', async (t) => {
  const { app, token } = await start(t)
  const url = `${path}Foo`
  const etag = String((await as(app, token).get(url)).headers.etag)
  const get = (list: string) =>
    app.inject({ url, headers: { authorization: `Bearer ${token}`, 'if-none-match': list } })
  for (const list of [etag, `W/${etag}`, `"x", ${etag}`, '*'])
    t.equal((await get(list)).statusCode, 304, list)
  t.equal((await get('"x"')).statusCode, 200)
  t.equal((await get(etag)).body, '')

  for (const condition of [{ 'if-match': '"x"' }, { 'if-match': `W/${etag}` }, { 'if-none-match': '*' }])
    for (const [method, body] of [
      ['PUT', {}],
      ['PATCH', {}],
      ['DELETE', undefined],
    ] as const)
      t.equal(
        (await send(app, token, method, url, body, condition)).statusCode,
        412,
        JSON.stringify(condition),
      )
  t.equal((await send(app, token, 'PUT', url, {}, { 'if-match': etag })).statusCode, 200)
  t.equal(
    (await send(app, token, 'PUT', url, {}, { 'if-match': etag })).statusCode,
    412,
    'the version has changed',
  )
  t.equal((await send(app, token, 'DELETE', url, undefined, { 'if-match': '*' })).statusCode, 204)
  t.equal(
    (await send(app, token, 'PUT', url, {}, { 'if-match': '*' })).statusCode,
    412,
    'the item does not exist',
  )
  t.equal((await send(app, token, 'PUT', url, {}, { 'if-none-match': '*' })).statusCode, 201)
  t.not(
    (await as(app, token).get(url)).headers.etag,
    etag,
    'another item with the same id and version has another entity tag',
  )
})

t.test('a deployment can require preconditions', async (t) => {
  const { app, token } = await start(t, { REQUIRE_IF_MATCH: 'true' })
  const url = `${path}Foo`
  t.equal((await send(app, token, 'PUT', url, {})).statusCode, 428)
  t.equal((await send(app, token, 'PUT', url, {}, { 'if-match': '*' })).statusCode, 200)
})

t.test('no concurrent change is lost', async (t) => {
  const { app, token } = await start(t)
  const url = `${path}Foo`
  const etag = String((await as(app, token).get(url)).headers.etag)
  const puts = Array.from({ length: 10 }, (_, index) =>
    send(app, token, 'PUT', url, { title: String(index) }, { 'if-match': etag }),
  )
  const statuses = (await Promise.all(puts)).map(({ statusCode }) => statusCode)
  t.equal(statuses.filter((status) => status === 200).length, 1)
  t.equal(statuses.filter((status) => status === 412).length, 9)
})

t.test('a request with an Idempotency-Key is performed once', async (t) => {
  const { app, token } = await start(t)
  const key = { 'idempotency-key': 'one' }
  const body = { title: 'Once' }
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => send(app, token, 'POST', path, body, key)),
  )
  for (const answer of answers) {
    t.equal(answer.statusCode, 201)
    t.same(answer.json(), answers[0]?.json())
    t.equal(answer.headers.etag, answers[0]?.headers.etag)
    t.equal(answer.headers.location, answers[0]?.headers.location)
  }
  const replayed = answers.map(({ headers }) => headers['idempotency-replayed'] ?? 'none')
  t.same(replayed.sort(), ['none', ...Array<string>(7).fill('true')].sort(), 'all but one are marked')
  t.equal((await as(app, token).get(path)).json<ItemDetail[]>().length, 2)
  const other = await send(app, token, 'POST', path, { title: 'Other' }, key)
  t.equal(other.statusCode, 422)
  t.match(other.json(), { detail: [{ loc: ['header', 'idempotency-key'] }] })

  t.equal(
    (await send(app, token, 'POST', path, { item_id: 'Foo' }, { 'idempotency-key': 'two' })).statusCode,
    409,
  )
  t.equal(
    (await send(app, token, 'POST', path, { item_id: 'New' }, { 'idempotency-key': 'two' })).statusCode,
    201,
  )
  await app.database.idempotencyKey.updateMany({ data: { expiresAt: new Date(Date.now() - 1000) } })
  t.equal(
    (await send(app, token, 'POST', path, { title: 'Other' }, key)).statusCode,
    201,
    'the key can be used again after a day',
  )
})

t.test('lists are paginated in every order, while items are added and deleted', async (t) => {
  const { app, token } = await start(t)
  const { id: ownerId } = await app.database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })
  await app.database.item.createMany({
    data: Array.from({ length: 24 }, (_, index) => ({
      ownerId,
      itemId: `item-${String(index).padStart(2, '0')}`,
      title: index % 3 === 0 ? null : `Title ${index % 5}`,
      createdAt: new Date(Date.UTC(2026, 0, 1, 0, 0, index >> 1)),
    })),
  })
  const readAll = async (query: string) => {
    const ids: string[] = []
    let url: string | undefined = `${path}?${query}`
    while (url) {
      const response = await as(app, token).get(url)
      t.equal(response.statusCode, 200, response.body)
      ids.push(...response.json<ItemDetail[]>().map(({ item_id }) => item_id))
      url = /^<([^>]+)>; rel="next"$/.exec(String(response.headers.link))?.[1]
    }
    return ids
  }
  for (const sort of ['created_at', '-created_at', 'item_id', 'title']) {
    const whole = await readAll(`sort=${sort}&limit=200`)
    t.equal(whole.length, 25)
    for (const limit of [1, 4, 7])
      t.same(await readAll(`sort=${sort}&limit=${limit}`), whole, `${sort} ${limit}`)
  }
  t.same((await readAll('title_contains=TITLE%202&limit=3')).length, 4)
  t.same(await readAll('title_contains=%25'), [], '% is not a wildcard')
  const bounded = 'created_after=2026-01-01T00:00:02Z&created_before=2026-01-01T00:00:05Z&limit=1'
  t.same(await readAll(bounded), ['item-06', 'item-07', 'item-08', 'item-09'])

  const first = await as(app, token).get(`${path}?limit=5&sort=item_id`)
  await app.database.item.deleteMany({ where: { itemId: { in: ['Foo', 'item-03', 'item-06'] } } })
  const next = String(/^<([^>]+)>/.exec(String(first.headers.link))?.[1])
  t.match((await as(app, token).get(next)).json<ItemDetail[]>()[0]?.item_id, /^item-0[45]$/)
})

t.test('a list shows whole items on request, on pages of at most 50', async (t) => {
  const { app, token } = await start(t)
  const lines = Array.from({ length: 60 }, (_, n) => JSON.stringify({ title: `T${n}`, metadata: { n: [n] } }))
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' }
  await app.inject({ method: 'POST', url: `${path}import`, headers, payload: lines.join('\n') })
  for (const sort of ['created_at', 'title']) {
    const first = await as(app, token).get(`${path}?fields=all&sort=${sort}&limit=200`)
    t.equal(first.headers['content-type'], 'application/json; charset=utf-8')
    const next = String(/^<([^>]+)>/.exec(String(first.headers.link))?.[1])
    const second = await as(app, token).get(next)
    t.equal(second.headers.link, undefined)
    const items = [first, second].map((response) => response.json<ItemDetail[]>())
    t.same(
      items.map(({ length }) => length),
      [50, 11],
    )
    for (const item of [items[0]?.[0], items[1]?.at(-1)])
      t.same((await as(app, token).get(`${path}${item?.item_id}`)).json(), item)
  }
  t.same((await as(app, token).get(`${path}?fields=all&title_contains=T59`)).json<ItemDetail[]>().length, 1)
})

t.test('malformed input is refused, and changes nothing', async (t) => {
  const { app, token } = await start(t)
  const noTimes = [null, 'soon', '+275761-01-01T00:00:00.000Z', '2026-01-01'].map((value) => {
    const position = ['created_at', value, '01234567-89ab-cdef-0123-456789abcdef']
    return `cursor=${Buffer.from(JSON.stringify(position)).toString('base64url')}`
  })
  const deep = (depth: number) => JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`) as object
  for (const query of [
    'limit=-1',
    'limit=201',
    'limit=x',
    'limit=1e1',
    'limit=-1',
    'limit=',
    'limit=1&limit=2',
    'limit=9999999999',

    'cursor=x',
    'cursor=',
    'cursor=bnVsbA',
    'cursor=WyJ0aXRsZSIsMSwyXQ',
    ...noTimes,
    `cursor=${'a'.repeat(3000)}`,
    'sort=owner',
    'fields=title',
    'fields=',
    'sort=',
    'title_contains=%00',
    'title_contains=',

    'created_after=yesterday',
    'created_after=2026-13-01T00:00:00Z',
    'created_before=2026-06-30T23:59:60Z',
  ]) {
    const response = await as(app, token).get(`${path}?${query}`)
    t.equal(response.statusCode, 422, query)
    t.match(response.json(), { detail: [{ loc: ['query', query.split('=')[0]] }] })
  }
  const bodies: [unknown, number][] = [
    [[], 422],
    ['null', 422],
    ['{', 400],
    ['', 400],
    ['{"__proto__":1}', 400],
    [{ item_id: '' }, 422],
    [{ item_id: 'a/b' }, 422],
    [{ item_id: '.' }, 422],
    [{ item_id: '..' }, 422],
    [{ item_id: '...' }, 422],
    [{ item_id: 'é' }, 422],
    [{ item_id: 'a'.repeat(129) }, 422],
    [{ item_id: 'export' }, 422],
    [{ item_id: 7 }, 422],
    [{ title: 'a'.repeat(256) }, 422],
    [{ title: 'a\0b' }, 422],
    ['{"title":"\\ud800"}', 422],
    [{ description: 'a'.repeat(4097) }, 422],
    [{ metadata: [] }, 422],
    [{ metadata: 'text' }, 422],
    [{ metadata: { a: 'b\0' } }, 422],
    [{ metadata: { 'a\0': 1 } }, 422],
    ['{"metadata":{"a":["\\udc00"]}}', 422],
    ['{"metadata":{"a":1e400}}', 422],
    ['{"metadata":{"a":12345678901234567890}}', 422],
    [{ metadata: deep(17) }, 422],
    [{ metadata: { a: 'x'.repeat(16_384) } }, 422],
    [`{"metadata":{"a":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`, 422],
    [{ title: 'x'.repeat(70_000) }, 413],
    ...['id', 'owner', 'owner_id', 'version', 'disabled', 'scopes', 'created_at', 'constructor'].map(
      (name): [unknown, number] => [{ [name]: 1 }, 422],
    ),
  ]
  for (const [body, status] of bodies) {
    const response = await send(app, token, 'POST', path, body)
    t.equal(response.statusCode, status, JSON.stringify(body).slice(0, 80))
    t.hasProp(response.json(), 'detail')
  }
  t.same((await send(app, token, 'POST', path, { owner: 'alice' })).json(), {
    detail: [
      { type: 'extra_forbidden', loc: ['body', 'owner'], msg: 'Extra inputs are not permitted', input: null },
    ],
    code: 'invalid_input',
  })
  t.equal(
    (await send(app, token, 'POST', path, { metadata: deep(16) })).statusCode,
    201,
    '16 levels are accepted',
  )
  t.equal((await send(app, token, 'POST', path, '{}', { 'content-type': 'text/plain' })).statusCode, 422)
  for (const key of ['a b', 'é', 'x'.repeat(256)])
    t.equal(
      (await send(app, token, 'POST', path, {}, { 'idempotency-key': Buffer.from(key).toString('latin1') }))
        .statusCode,
      422,
    )
  for (const url of [`${path}a%00b`, `${path}%20`, `${path}${'a'.repeat(129)}`, `${path}${'a'.repeat(2000)}`])
    t.match((await as(app, token).get(url)).statusCode, /^4(04|14|22)$/, url.slice(0, 40))
  t.equal(await app.database.item.count(), 2)
})

t.test(
  'metadata takes every number that comes back as it was sent, up to the space of the database',
  async (t) => {
    const { app, token } = await start(t)
    for (const number of [
      ...[
        '9007199254740992',
        '-9007199254740994',
        '100000000000000000000',
        '1e21',
        '1E+22',
        '1e23',
        '-1.5e300',
      ],
      ...['1.7976931348623157e308', '5e-324', '1000000000000000000000000'],
    ]) {
      const created = await send(app, token, 'POST', path, `{"metadata":{"n":[${number}]}}`)
      t.equal(created.statusCode, 201, number)
      const read = await as(app, token).get(String(created.headers.location))
      t.strictSame(read.json<ItemDetail>().metadata, { n: [Number(number)] }, number)
    }
    for (const number of ['1e308', '-1e308', '1e-308'])
      for (const [count, status] of [
        [106, 201],
        [107, 422],
        [2_500, 422],
      ] as const) {
        const numbers = Array(count).fill(number).join(',')
        const created = await send(app, token, 'POST', path, `{"metadata":{"n":[${numbers}]}}`)
        t.equal(created.statusCode, status, `${count} of ${number}`)
      }
  },
)

t.test('an id of dots alone, which clients remove from a path, is refused everywhere', async (t) => {
  const { app, token } = await start(t)
  const origin = new URL(await app.listen({ port: 0 }))
  const john = await app.database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })
  for (const id of ['.', '..', '...', '.'.repeat(128)]) {
    t.match((await send(app, token, 'POST', path, { item_id: id })).json(), {
      detail: [{ type: 'pattern', loc: ['body', 'item_id'] }],
    })
    for (const written of [id, id.replaceAll('.', '%2e')])
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'])
        t.equal(await sendAsWritten(origin, token, method, `${path}${written}`), 422, `${method} ${written}`)
    await t.rejects(
      app.database.item.create({ data: { itemId: id, ownerId: john.id } }),
      /items_item_id_dots_check/,
    )
  }
  for (const id of ['.a', 'a.', '..a', '.a.', '~', '-', '_', '..-'])
    t.equal((await send(app, token, 'PUT', `${path}${id}`, {})).statusCode, 201, id)
})

/** Sends a request without normalizing its path, and returns the status of the response. */
async function sendAsWritten({ hostname, port }: URL, token: string, method: string, path: string) {
  const body = method === 'GET' || method === 'DELETE' ? undefined : '{}'
  const headers = { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) }
  const sent = request({ hostname, port, method, path, headers })
  sent.end(body)
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

t.test('names and titles have no control characters, descriptions only tabs and line breaks', async (t) => {
  const { app, token } = await start(t)
  for (const character of [
    '\u001b',
    '\u009b',
    '\u007f',
    '\n',
    '\t',
    '\u202e',
    '\u2066',
    '\u200f',
    '\u2028',
  ]) {
    const text = `a${character}b`
    const code = character.codePointAt(0)?.toString(16)
    const account = { username: 'ella', password: 'correct horse' }
    for (const [url, method, body] of [
      [`${path}x`, 'PUT', { title: text }],
      [path, 'POST', { title: text }],
      [`${path}Foo`, 'PATCH', { title: text }],
      ['/users/me/', 'PATCH', { full_name: text }],
      ['/users/', 'POST', { ...account, full_name: text }],
      ['/users/', 'POST', { ...account, username: text }],
    ] as const)
      t.equal((await send(app, token, method, url, body)).statusCode, 422, `${method} ${url} ${code}`)
    const isOfText = /[\n\t\u2028]|\p{Bidi_Control}/u.test(character)
    const { statusCode } = await send(app, token, 'PATCH', `${path}Foo`, { description: text })
    t.equal(statusCode, isOfText ? 200 : 422, `description ${code}`)
  }
  for (const title of ['👩‍👩‍👧', 'שלום', 'می‌خواهم', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'a\u00a0b'])
    t.match((await send(app, token, 'PUT', `${path}x`, { title })).json(), { title })
})

t.test('text that was stored before these rules is still returned', async (t) => {
  const { app, token } = await start(t)
  const odd = 'a\u001b]52;c;\u0007\u202eb\n'
  await app.database.item.updateMany({ data: { title: odd, description: odd } })
  await app.database.user.updateMany({ data: { fullName: odd } })
  t.match((await as(app, token).get(`${path}Foo`)).json(), { title: odd, description: odd })
  t.match((await as(app, token).get('/users/me/')).json(), { full_name: odd })
})

t.test('items of other users are accessible to administrators and services', async (t) => {
  const { app, token } = await start(t)
  const { database } = app
  await send(app, token, 'POST', path, { item_id: 'Mine' })
  await database.user.update({ where: { username: 'alice' }, data: { disabled: false } })
  const alice = await logIn(app, 'alice', 'secret2')
  t.same((await as(app, alice).get(path)).json(), [])
  t.equal((await as(app, alice).get(`${path}Mine`)).statusCode, 404, 'as if it did not exist')
  t.same(
    (await as(app, alice).get('/users/alice/items/')).json(),
    [],
    'their own items are also served under their name',
  )
  const forbidden = await as(app, alice).get('/users/johndoe/items/')
  t.equal(forbidden.statusCode, 403)
  t.equal(forbidden.headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="items:admin"')

  await database.user.update({ where: { username: 'alice' }, data: { scopes: ['items:admin'] } })
  t.equal(
    (await as(app, alice).get('/users/johndoe/items/')).statusCode,
    403,
    'the old token lacks the scope',
  )
  const admin = await logIn(app, 'alice', 'secret2', 'items:admin')
  t.match((await as(app, admin).get('/users/johndoe/items/')).json(), [
    { item_id: 'Foo' },
    { item_id: 'Mine' },
  ])
  t.equal((await as(app, admin).get('/users/nobody/items/')).statusCode, 404)
  t.equal((await as(app, admin).get('/users/a%00b/items/')).statusCode, 404)
  const added = await send(app, admin, 'POST', '/users/johndoe/items/', { item_id: 'Gift' })
  t.match(added.json(), { owner: 'johndoe' })
  t.equal(added.headers.location, '/users/johndoe/items/Gift')
  await database.user.update({ where: { username: 'alice' }, data: { scopes: [] } })
  t.equal((await as(app, admin).get('/users/johndoe/items/')).statusCode, 403, 'at once')
})
