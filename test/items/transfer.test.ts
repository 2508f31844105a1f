import { readFileSync } from 'node:fs'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { cloneDatabase } from '../helpers/database.js'
import { until } from '../helpers/wait.js'

interface ItemDetail {
  item_id: string
  owner: string
  title: string | null
  description: string | null
  metadata: object
}

interface Report {
  created: number
  failed: number
  errors: { type: string; loc: string[] }[]
}

const path = '/users/me/items/'
const { strings: naughty } = JSON.parse(readFileSync('test/vectors/blns.json', 'utf8')) as {
  strings: string[]
}

async function start(t: Test) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  return { url, app, token: await logIn(app, 'johndoe', 'secret') }
}

function load(app: FastifyInstance, token: string, lines: (string | Buffer | object)[], mode = '') {
  const payload = Buffer.concat(
    lines.flatMap((line) => [
      typeof line === 'string'
        ? Buffer.from(line)
        : Buffer.isBuffer(line)
          ? line
          : Buffer.from(JSON.stringify(line)),
      Buffer.from('\n'),
    ]),
  )
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' }
  return app.inject({ method: 'POST', url: `${path}import${mode && `?mode=${mode}`}`, headers, payload })
}

async function unload(app: FastifyInstance, token: string): Promise<ItemDetail[]> {
  const response = await as(app, token).get(`${path}export`)
  t.match(response.headers['content-type'], 'application/x-ndjson')
  return response.body
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ItemDetail)
}

t.test('an export can be imported by another user', async (t) => {
  const { app, token } = await start(t)
  const given = Array.from({ length: 2_345 }, (_, i) => ({
    item_id: `i${i}`,
    title: `Title ${i}`,
    metadata: { i },
  }))
  const loaded = await load(app, token, given)
  t.same(loaded.json(), { created: 2_345, failed: 0, errors: [] })
  const items = await unload(app, token)
  t.equal(items.length, 2_346)
  t.equal(items[0]?.item_id, 'Foo', 'the oldest first')
  t.equal(new Set(items.map(({ item_id }) => item_id)).size, 2_346)

  await as(app, null).post('/users/', { username: 'janedoe', password: 'correct horse' })
  const jane = await logIn(app, 'janedoe', 'correct horse')
  t.same(await unload(app, jane), [])
  const lines = items.map(({ item_id, title, description, metadata }) => ({
    item_id,
    title,
    description,
    metadata,
  }))
  t.match((await load(app, jane, lines)).json(), { created: 2_346, failed: 0 })
  t.same((await unload(app, jane)).map(({ owner, metadata }) => ({ owner, metadata })).at(-1), {
    owner: 'janedoe',
    metadata: { i: 2_344 },
  })
})

const bad: [string, string | Buffer | object, string][] = [
  ['invalid JSON', '{', 'json_invalid'],
  ['invalid UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'utf8_invalid'],
  ['an array', '[]', 'type'],
  ['null', 'null', 'type'],
  ['an unknown member', { owner: 'alice' }, 'extra_forbidden'],
  ['a prototype', '{"__proto__": {}}', 'json_invalid'],
  ['an invalid id', { item_id: 'a/b' }, 'pattern'],
  ['an id of dots alone', { item_id: '..' }, 'pattern'],
  ['a title that is not one line', { title: 'a\u001b[2K' }, 'format'],
  ['a reserved id', { item_id: 'export' }, 'not'],
  ['an id that is taken', { item_id: 'Foo' }, 'exists'],
  ['a repeated id', { item_id: 'good' }, 'exists'],
  ['a title that is too long', { title: 'x'.repeat(256) }, 'maxLength'],
  ['NUL', { title: 'a\0' }, 'format'],
  ['half a surrogate pair', '{"title": "\\ud800"}', 'format'],
  ['metadata that is too large', { metadata: { a: 'x'.repeat(20_000) } }, 'metadata'],
  ['a line that is too long', { description: 'x'.repeat(70_000) }, 'too_long'],
]

t.test('failed lines are reported by their number', async (t) => {
  const { app, token } = await start(t)
  const lines = [{ item_id: 'good' }, '', ' \t\r', ...bad.map(([, line]) => line), { item_id: 'better' }]
  const report = (await load(app, token, lines, 'each')).json<Report>()
  t.match(report, { created: 2, failed: bad.length })
  for (const [i, [name, , type]] of bad.entries())
    t.ok(
      report.errors.some((error) => error.type === type && error.loc[1] === String(i + 4)),
      name,
    )
  t.same(
    (await unload(app, token)).map(({ item_id }) => item_id),
    ['Foo', 'good', 'better'],
  )
})

t.test('in the mode `all`, one failed line rejects the whole import', async (t) => {
  const { app, token } = await start(t)
  for (const [name, line] of bad) {
    const response = await load(app, token, [{ item_id: 'good' }, line, { item_id: 'better' }])
    t.equal(response.statusCode, 422, name)
    t.match(response.json(), { detail: [{ loc: ['body', '2'] }] })
  }
  t.equal((await unload(app, token)).length, 1)
  const many = await load(
    app,
    token,
    Array.from({ length: 500 }, () => '{'),
  )
  t.equal(many.json<{ detail: unknown[] }>().detail.length, 100, 'the number of listed issues is limited')
})

t.test('unusual texts come back byte for byte', async (t) => {
  const { app, token } = await start(t)
  const lines = naughty.map((text, i) => ({
    item_id: `n${i}`,
    title: text.slice(0, 100),
    description: text,
    metadata: { [text]: text },
  }))
  const storable = lines.filter(
    ({ title, description }) => title.isWellFormed() && !description.includes('\0'),
  )
  const report = (await load(app, token, storable, 'each')).json<Report>()
  const items = new Map((await unload(app, token)).map((item) => [item.item_id, item]))
  t.equal(report.created + report.failed, storable.length)
  t.ok(report.created > storable.length * 0.9)
  for (const { item_id, ...texts } of storable) {
    const { title, description, metadata } = items.get(item_id) ?? {}
    if (items.has(item_id)) t.same({ title, description, metadata }, texts, item_id)
  }
})

t.test('a body that is not NDJSON, or too large, is refused', async (t) => {
  const { app, token } = await start(t)
  const headers = { authorization: `Bearer ${token}` }
  const post = (type: string, payload: string) =>
    app.inject({
      method: 'POST',
      url: `${path}import`,
      headers: { ...headers, 'content-type': type },
      payload,
    })
  t.equal((await post('application/json', '{}')).statusCode, 415)
  t.equal((await post('application/x-ndjson', 'x'.repeat(16 * 1024 * 1024 + 1))).statusCode, 413)
  t.equal((await app.inject({ method: 'POST', url: `${path}import?mode=some`, headers })).statusCode, 422)
  t.same((await app.inject({ method: 'POST', url: `${path}import`, headers })).json(), {
    created: 0,
    failed: 0,
    errors: [],
  })
  for (const method of ['PUT', 'PATCH', 'DELETE'] as const) {
    const { statusCode, headers } = await as(app, token).send(method, `${path}export`, {})
    t.same([statusCode, headers.allow], [405, 'GET, HEAD'], `${method}: no item has this name`)
  }
})

t.test('a database error during an import leaves nothing behind', async (t) => {
  const { url, app, token } = await start(t)
  await query(
    url,
    "CREATE FUNCTION hinder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a fault'; END $$",
  )
  await query(
    url,
    "CREATE TRIGGER hinder BEFORE INSERT ON items FOR EACH ROW WHEN (NEW.item_id = 'i1500') EXECUTE FUNCTION hinder()",
  )
  const response = await load(
    app,
    token,
    Array.from({ length: 2_000 }, (_, i) => ({ item_id: `i${i}` })),
  )
  t.equal(response.statusCode, 500)
  t.equal((await unload(app, token)).length, 1)
})

t.test(
  'the number of concurrent exports is limited, and an export ends when its client disconnects',
  async (t) => {
    const { url, app, token } = await start(t)
    await query(
      url,
      `INSERT INTO items (id, owner_id, item_id, metadata)
    SELECT gen_random_uuid(), (SELECT id FROM users WHERE username = 'johndoe'), 'm' || n, many.metadata
    FROM generate_series(1, 900) n, (
      SELECT jsonb_build_object('a', jsonb_agg('[1]'::jsonb)) AS metadata FROM generate_series(1, 3000)
    ) AS many`,
    )
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as import('node:net').AddressInfo
    const startExport = () =>
      fetch(`http://127.0.0.1:${port}${path}export`, { headers: { authorization: `Bearer ${token}` } })
    const unread = await Promise.all([startExport(), startExport()])
    const refused = await startExport()
    t.match(refused, { status: 429 })
    t.equal(refused.headers.get('retry-after'), '5')
    t.same(await refused.json(), { detail: 'Too many exports are running', code: 'too_many_exports' })
    await unread[0]?.body?.cancel()
    await until(async () => {
      const response = await startExport()
      await response.body?.cancel()
      return response.status === 200
    })
    const lines = (await unread[1]?.text())?.trim().split('\n') ?? []
    t.equal(lines.length, 901)
    const { metadata } = JSON.parse(String(lines.at(-1))) as ItemDetail
    t.equal(JSON.stringify(metadata), `{"a":[${Array(3_000).fill('[1]').join(',')}]}`)
    app.server.closeAllConnections()
  },
)

t.test('an export that cannot start releases its slot', async (t) => {
  const { url, app, token } = await start(t)
  await query(url, 'ALTER TABLE items RENAME TO things')
  for (let i = 0; i < 5; i++) t.equal((await as(app, token).get(`${path}export`)).statusCode, 500)
  await query(url, 'ALTER TABLE things RENAME TO items')
  for (let i = 0; i < 5; i++) t.equal((await as(app, token).get(`${path}export`)).statusCode, 200)
})

t.test('an export reads from the database only as fast as its client reads', async (t) => {
  const { app, token } = await start(t)
  const description = 'x'.repeat(4_000)
  for (let i = 0; i < 3; i++)
    await load(
      app,
      token,
      Array.from({ length: 3_000 }, () => ({ description })),
      'each',
    )
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as import('node:net').AddressInfo
  const response = await fetch(`http://127.0.0.1:${port}${path}export`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const reader = response.body?.getReader()
  await reader?.read()
  await app.database.item.deleteMany({})
  let bytes = 0
  for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read())
    bytes += chunk.value.length
  t.ok(bytes < 9_000 * 4_000, 'items that were deleted before they were read are missing')
})
