import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { postToken, startApp } from '../../helpers/app.js'

const everyScope = 'me items:read items:write users:admin items:admin'

async function start(t: Test) {
  const app = await startApp(t)
  await app.database.user.update({
    where: { username: 'johndoe' },
    data: { scopes: ['users:admin', 'items:admin'] },
  })
  const login = { grant_type: 'password', username: 'johndoe', password: 'secret', scope: everyScope }
  const { access_token: token } = (await postToken(app, login)).json<{ access_token: string }>()
  return { app, authorization: `Bearer ${token}` }
}

interface Operation {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  types: string[]
}

/** Returns every operation that takes a body of JSON or NDJSON, with its media types. */
async function listOperations(app: FastifyInstance): Promise<Operation[]> {
  const { paths } = (await app.inject('/openapi.json')).json<{
    paths: Record<string, Record<string, { requestBody?: { content: object } }>>
  }>()
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { requestBody }]) => {
      const types = Object.keys(requestBody?.content ?? {}).filter((type) => /json/.test(type))
      const url = path.replace('{username}', 'johndoe').replace('{item_id}', 'Foo')
      return types.length > 0 ? [{ method: method.toUpperCase() as Operation['method'], url, types }] : []
    }),
  )
}

const nested = (open: string, close: string, depth: number) => `${open.repeat(depth)}1${close.repeat(depth)}`
const bodies: [string, string][] = [
  ['lists', nested('[', ']', 5_000)],
  ['objects', nested('{"a":', '}', 2_500)],
  ['lists in metadata', `{"metadata":{"m":${nested('[', ']', 5_000)}}}`],
  ['objects in metadata', `{"metadata":${nested('{"a":', '}', 2_500)}}`],
  ['unclosed lists', '['.repeat(15_000)],
  ['many members', `{${Array.from({ length: 1_600 }, (_, i) => `"${i}":1`).join(',')}}`],
  ['many elements', `{"metadata":{"a":[${Array(7_900).fill('0').join(',')},[]]},"title":1}`],
  ['a small number', '{"metadata":{"a":1e-400}}'],
  ['a precise number', '{"metadata":{"a":0.1234567890123456789}}'],
  ['a large number', '{"metadata":{"a":1e400}}'],
  ['a large integer', '{"metadata":{"a":[9007199254740993]}}'],
  ['minus zero', '{"metadata":{"a":-0}}'],
  ['a repeated name', '{"metadata":{"a":1},"metadata":{"b":1}}'],
  ['a repeated name inside', '{"metadata":{"a":1,"\\u0061":1}}'],
  ['half a surrogate pair in a name', '{"metadata":{"\\udc00":1},"\\ud800":1}'],
  ['half a surrogate pair', '{"metadata":{"a":"\\udc00"},"password":"\\ud800"}'],
]

t.test('every operation refuses JSON that is too deep, too wide or would not round-trip', async (t) => {
  const { app, authorization } = await start(t)
  const operations = await listOperations(app)
  t.ok(operations.length >= 14, `${operations.length} operations`)
  const before = await app.database.item.findMany()
  for (const { method, url, types } of operations)
    for (const type of types)
      for (const [name, payload] of bodies) {
        const headers = { authorization, 'content-type': type, 'idempotency-key': name.replaceAll(' ', '-') }
        const response = await app.inject({ method, url, headers, payload })
        t.ok(
          [400, 413, 422].includes(response.statusCode),
          `${method} ${url} ${name}: ${response.statusCode}`,
        )
        t.ok(response.body.length < 4_000, 'and the response is short')
      }
  t.same(await app.database.item.findMany(), before, 'nothing has changed')
})

t.test('numbers in metadata come back as they were sent', async (t) => {
  const { app, authorization } = await start(t)
  const sent = '{"a":[0.1,1.5e-7,5e-324,9007199254740991,-9007199254740991,0.30000000000000004,1.0,1e2]}'
  const headers = { authorization, 'content-type': 'application/json' }
  const url = '/users/me/items/Numbers'
  const put = await app.inject({ method: 'PUT', url, headers, payload: `{"metadata":${sent}}` })
  t.equal(put.statusCode, 201)
  const read = await app.inject({ url, headers: { authorization } })
  for (const response of [put, read])
    t.same(response.json<{ metadata: unknown }>().metadata, JSON.parse(sent))
})

t.test('the content type of a request without content is ignored on routes that need no body', async (t) => {
  const { app, authorization } = await start(t)
  const types = [
    'application/json',
    'application/merge-patch+json',
    'text/plain',
    'application/x-ndjson',
    ';',
  ]
  for (const type of types)
    for (const length of [{}, { 'content-length': '0' }, { 'transfer-encoding': 'chunked' }]) {
      const isChunked = 'transfer-encoding' in length
      if (isChunked && type !== 'application/json') continue
      const send = (method: 'DELETE' | 'POST' | 'GET', url: string) =>
        app.inject({ method, url, headers: { authorization, 'content-type': type, ...length } })
      await app.database.item.updateMany({ data: { itemId: 'Foo' } })
      const what = `${type} ${JSON.stringify(length)}`
      t.equal((await send('DELETE', '/users/me/items/Foo')).statusCode, 204, what)
      t.equal((await send('DELETE', '/users/nobody/')).statusCode, 404, what)
      t.equal((await send('POST', '/invitations/')).statusCode, 201, what)
      t.equal((await send('GET', '/users/me/')).statusCode, 200, what)
      await app.database.item.createMany({
        data: [
          {
            ownerId: (await app.database.user.findFirstOrThrow({ where: { username: 'johndoe' } })).id,
            itemId: 'Foo',
          },
        ],
      })
    }
  for (const payload of ['', '{'])
    t.equal(
      (
        await app.inject({
          method: 'PATCH',
          url: '/users/me/items/Foo',
          headers: { authorization, 'content-type': 'application/json' },
          payload,
        })
      ).statusCode,
      400,
      'a route that needs a body requires it',
    )
})
