import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Readable } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import { InvalidInput } from '../../src/errors.js'
import { createFailures } from '../../src/items/failures.js'
import { importAll, importEach } from '../../src/items/import.js'
import { readLines } from '../../src/items/ndjson.js'
import { createSlots, createTransferSlots } from '../../src/items/transfer-slots.js'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { cloneDatabase } from '../helpers/database.js'
import { plainOptions } from '../helpers/hostile.js'
import { until } from '../helpers/wait.js'

interface Report {
  created: number
  failed: number
  errors: { type: string; loc: string[] }[]
  stopped_at?: number
}

const path = '/users/me/items/import'
const modes = ['all', 'each'] as const
const ndjson = { 'content-type': 'application/x-ndjson' }

async function start(t: Test, settings: Record<string, string> = {}) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, settings, url)
  return { url, app, token: await logIn(app, 'johndoe', 'secret') }
}

function load(app: FastifyInstance, token: string, payload: string, mode: string) {
  const headers = { authorization: `Bearer ${token}`, ...ndjson }
  return app.inject({ method: 'POST', url: `${path}?mode=${mode}`, headers, payload })
}

async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ port: 0, host: '127.0.0.1' })
  return (app.server.address() as AddressInfo).port
}

const namedLines = (count: number) =>
  Array.from({ length: count }, (_, i) => `{"item_id":"i${i}"}\n`).join('')
const countItems = (app: FastifyInstance) => app.database.item.count()

t.test('an import of too many lines is refused as a whole, whatever its lines are', async (t) => {
  const { app, token } = await start(t, { IMPORT_MAX_LINES: '300' })
  const before = await countItems(app)
  for (const mode of modes) {
    for (const payload of [
      namedLines(301),
      '\n'.repeat(301),
      '\n'.repeat(1_000_000),
      `${' \n'.repeat(300)}{}`,
    ]) {
      const response = await load(app, token, payload, mode)
      t.equal(response.statusCode, 422)
      t.match(response.json(), { detail: [{ type: 'too_many_lines', msg: /300/ }] })
    }
    t.equal(await countItems(app), before, 'nothing is left behind')
  }
  t.match((await load(app, token, namedLines(300), 'all')).json(), { created: 300, failed: 0 })
})

t.test('reading stops at 1,000 invalid lines', async (t) => {
  const { app, token } = await start(t)
  const payload = `{"item_id":"before"}\n${'x\n'.repeat(5_000)}{"item_id":"after"}\n`
  const report = (await load(app, token, payload, 'each')).json<Report>()
  t.match(report, { created: 1, failed: 1_000, stopped_at: 1_001 })
  t.equal(report.errors.length, 100, 'the first issues are listed')
  t.match(await as(app, token).get('/users/me/items/before'), { statusCode: 200 })
  t.match(await as(app, token).get('/users/me/items/after'), { statusCode: 404 })
  const refusal = await load(app, token, payload.replace('before', 'other'), 'all')
  t.match(refusal, { statusCode: 422 })
  const { detail } = refusal.json<{ detail: { type: string }[] }>()
  t.equal(detail.length, 101, 'the first issues are listed')
  t.match(detail.at(-1), { type: 'stopped_at', loc: ['body', '1001'] })
  t.match(await as(app, token).get('/users/me/items/other'), { statusCode: 404 })
})

t.test('a long import yields to the event loop after each slice of work', async (t) => {
  const { app, token } = await start(t)
  for (const [name, payload] of [
    ['blank lines', '\n'.repeat(10_000)],
    ['items', '{}\n'.repeat(10_000)],
    ['invalid items', `{"metadata":"${'x'.repeat(10_000)}"}\n`.repeat(500)],
    ['invalid lines', 'x\n'.repeat(999)],
  ] as const) {
    let turns = 0
    const importing = load(app, token, payload, 'each').then(({ statusCode }) => statusCode)
    let status: number | undefined
    void importing.then((code) => {
      status = code
    })
    while (status === undefined) {
      await nextTurn()
      turns += 1
    }
    t.equal(status, 200, name)
    t.ok(turns >= 120, `${name}: ${turns} turns`)
  }
})

t.test('a response before the end of an import leaves the connection usable', async (t) => {
  const { app, token } = await start(t)
  const socket = connect(await listen(app), '127.0.0.1').setEncoding('utf8')
  const body = `${'x\n'.repeat(1_000)}${'y'.repeat(4_000_000)}`
  const head = (method: string, target: string) =>
    `${method} ${target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n`
  for (const mode of modes)
    socket.write(
      `${head('POST', `${path}?mode=${mode}`)}content-type: application/x-ndjson\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    )
  socket.write(`${head('GET', '/users/me/')}connection: close\r\n\r\n`)
  let answers = ''
  for await (const text of socket) answers += text
  t.same(answers.match(/HTTP\/1\.1 \d+/g), ['HTTP/1.1 422', 'HTTP/1.1 200', 'HTTP/1.1 200'])
})

t.test(
  'the number of concurrent imports is limited: others are refused at once, and reads proceed',
  async (t) => {
    const { url, app, token } = await start(t, { DATABASE_POOL_SIZE: '2' })
    const locker = new pg.Client({ connectionString: url, options: plainOptions })
    await locker.connect()
    t.teardown(() => locker.end())
    await locker.query('BEGIN')
    await locker.query('LOCK TABLE items IN SHARE MODE')
    const waiting = load(app, token, '{"item_id":"first"}', 'all')
    await until(async () => {
      const [row] = await query<{ found: boolean }>(
        url,
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()) AS found",
      )
      return row?.found === true
    })
    const refused = await load(app, token, '{"item_id":"second"}', 'all')
    t.match(refused, { statusCode: 429, headers: { 'retry-after': '5' } })
    t.match(refused.json(), { detail: 'Too many imports are running' })
    t.match(await as(app, token).get('/users/me/items/'), { statusCode: 200 })
    await locker.query('ROLLBACK')
    t.match(await waiting, { statusCode: 200 }, 'the running import is not affected')
    t.match(await load(app, token, '', 'all'), { statusCode: 200 })
  },
)

t.test('slots are limited per process and per caller, and can be released once', async (t) => {
  const slots = createSlots(3, 2, 'too_many_exports')
  const refusal = { code: 'too_many_exports' }
  const [first] = [slots.take('a'), slots.take('a')]
  t.throws(() => slots.take('a'), refusal)
  const other = slots.take('b')
  t.throws(() => slots.take('c'), refusal)
  for (const _again of [1, 2]) first?.()
  slots.take('a')
  t.throws(() => slots.take('c'), refusal)
  other()
  slots.take('c')
})

t.test('the memory of all imports is limited, to more than two callers can take', async (t) => {
  const { holdBytes } = createTransferSlots()
  const held = [holdBytes(), holdBytes(), holdBytes()]
  for (const one of held) one.add(16 * 1024 * 1024)
  t.throws(() => holdBytes().add(1), { code: 'too_many_imports' })
  for (const _again of [1, 2]) held[0]?.release()
  holdBytes().add(15 * 1024 * 1024)
  t.throws(() => holdBytes().add(2 * 1024 * 1024), { code: 'too_many_imports' })
})

t.test('imports with slow bodies do not block others', async (t) => {
  const { app, token } = await start(t)
  const port = await listen(app)
  await as(app, null).post('/users/', { username: 'janedoe', password: 'correct horse' })
  await as(app, null).post('/users/', { username: 'jimdoe', password: 'correct horse' })
  for (const name of ['janedoe', 'jimdoe']) {
    const slow = await logIn(app, name, 'correct horse')
    const head = `POST ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${slow}\r\ncontent-type: application/x-ndjson\r\ncontent-length: 100\r\n\r\n{`
    const socket = connect(port, '127.0.0.1')
    t.teardown(() => socket.destroy())
    const requested = once(app.server, 'request')
    socket.write(head)
    const [request] = (await requested) as [IncomingMessage]
    await until(() => request.listenerCount('readable') > 0)
    t.match(await load(app, slow, '', 'all'), { statusCode: 429 })
  }
  t.match(await load(app, token, '{}', 'all'), { statusCode: 200 })
})

t.test('an import takes at most one connection of the pool', async (t) => {
  const { app, token } = await start(t, { DATABASE_POOL_SIZE: '1' })
  for (const mode of modes) {
    const payload = namedLines(450).replaceAll(':"', `:"${mode}`)
    t.match((await load(app, token, payload, mode)).json(), { created: 450 })
  }
})

t.test('an import ends when its client disconnects or its time is up', async (t) => {
  const { app } = await start(t)
  const owner = await app.database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })
  const before = await countItems(app)
  const line = { line: 1, itemId: 'x', title: null, description: null, metadata: '{}' }
  const lines = () => ({ valid: [line, { ...line, line: 2, itemId: 'y' }], failures: createFailures() })
  t.match(await importEach(owner, lines(), app.database, AbortSignal.abort(), () => {}), {
    created: 0,
    failed: 2,
    errors: [{ type: 'interrupted', loc: ['body', '1'] }, { type: 'interrupted' }],
  })
  await t.rejects(importAll(owner, lines(), app.database, AbortSignal.abort()), {
    code: 'service_unavailable',
  })
  t.equal(await countItems(app), before)
})

t.test('a body that ends early is refused', async (t) => {
  const body = new Readable({ read() {} })
  body.push('{"item_id":"x"}\n')
  const request = { compileValidationSchema: () => () => true } as unknown as FastifyRequest
  const reading = readLines(body, 10, request, createTransferSlots().holdBytes())
  body.destroy(new Error('aborted'))
  await t.rejects(reading, new InvalidInput('body', [], 'incomplete', 'The body ended early'))
})

t.test('a body of unknown length is refused once it is too large', async (t) => {
  const { app, token } = await start(t)
  const headers = { authorization: `Bearer ${token}`, ...ndjson }
  const payload = Readable.from(Array.from({ length: 17 }, () => Buffer.alloc(1_048_576, 'x')))
  const response = await app.inject({ method: 'POST', url: path, headers, payload })
  t.match(response, { statusCode: 413, body: '{"detail":"Payload Too Large","code":"body_too_large"}' })
})

for (const [state, status] of [
  ['57P01', 503],
  ['23514', 500],
] as const)
  t.test(`an import that fails half-way with SQLSTATE ${state} reports the unconfirmed lines`, async (t) => {
    const { url, app, token } = await start(t)
    await query(
      url,
      `CREATE FUNCTION hinder() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE '${state}'; END $$`,
    )
    await query(
      url,
      "CREATE TRIGGER hinder BEFORE INSERT ON items FOR EACH ROW WHEN (NEW.item_id = 'i300') EXECUTE FUNCTION hinder()",
    )
    const before = await countItems(app)
    t.match(await load(app, token, namedLines(500), 'all'), { statusCode: status })
    t.equal(await countItems(app), before, 'all or nothing')
    const report = (await load(app, token, namedLines(500), 'each')).json<Report>()
    t.match(report, { created: 200, failed: 300, errors: [{ type: 'interrupted', loc: ['body', '201'] }] })
    t.equal(await countItems(app), before + 200)
    const refused = await load(app, token, '{"item_id":"i300"}', 'each')
    t.match(refused, { statusCode: status }, 'nothing was added before')
  })
