import t, { type Test } from 'tap'
import { createEventStream, type EventStream } from '../../src/audit/event-stream.js'
import { openDatabase } from '../../src/database/client.js'
import { openSession } from '../../src/database/session.js'
import { query } from '../database/query.js'
import { cloneDatabase } from '../helpers/database.js'

const insert = `INSERT INTO events (id, action, outcome, subject) VALUES (gen_random_uuid(), $1, 'ok', $2)`

/** Opens a session for a transaction. */
async function beginSession(t: Test, url: string) {
  const client = await openSession({ url })
  t.teardown(() => client.end())
  return client
}

async function start(t: Test) {
  const url = await cloneDatabase(t)
  const database = openDatabase({ databasePoolSize: 2, databaseTimeoutSeconds: 30 }, url)
  t.teardown(() => database.$disconnect())
  const record = (subject: string, action = 'login') => query(url, insert, [action, subject])
  const read = async (stream: EventStream) => (await stream.next(database)).map(({ subject }) => subject)
  return { url, record, read }
}

t.test('events are read once, whatever the order in which their transactions begin and end', async (t) => {
  const { url, record, read } = await start(t)
  const [first, second] = await Promise.all([beginSession(t, url), beginSession(t, url)])
  await record('before')
  await first.query('BEGIN')
  await first.query(insert, ['login', 'begun before the stream'])
  const stream = createEventStream({})
  t.same(await read(stream), [])
  await second.query('BEGIN')
  await second.query(insert, ['login', 'second'])
  await record('quick')
  t.same(await read(stream), ['quick'])
  await first.query('COMMIT')
  t.same(await read(stream), ['begun before the stream'])
  t.same(await read(stream), [])
  await second.query('COMMIT')
  await record('last')
  t.same((await read(stream)).sort(), ['last', 'second'])
  await second.query('BEGIN')
  await second.query(insert, ['login', 'undone'])
  await second.query('ROLLBACK')
  t.same(await read(stream), [])
})

t.test('a stream can begin in the past, and loses nothing at the transition', async (t) => {
  const { url, record, read } = await start(t)
  const open = await beginSession(t, url)
  await open.query('BEGIN')
  await open.query(insert, ['login', 'open'])
  await record('one')
  await record('two')
  const stream = createEventStream({ after: '00000000-0000-0000-0000-000000000000' })
  t.same((await read(stream)).sort(), ['one', 'two'])
  await open.query('COMMIT')
  t.same(await read(stream), ['open'])
  t.same(await read(stream), [])
  const [{ id }] = (await query<{ id: string }>(url, "SELECT id FROM events WHERE subject = 'one'")) as [
    { id: string },
  ]
  t.notMatch(await read(createEventStream({ after: id })), ['one'])
})

t.test('many events are read in pages, while others are recorded', async (t) => {
  const { url, record, read } = await start(t)
  const many = (name: string, number: number) =>
    query(
      url,
      `INSERT INTO events (id, action, outcome, subject)
       SELECT gen_random_uuid(), 'login', 'ok', '${name}' || number FROM generate_series(1, ${number}) AS number`,
    )
  await many('past', 1_500)
  const stream = createEventStream({ after: '00000000-0000-0000-0000-000000000000' })
  const seen = await read(stream)
  t.equal(seen.length, 1_000)
  await many('present', 2_000)
  for (let page = await read(stream); page.length > 0; page = await read(stream)) {
    seen.push(...page)
    if (seen.length === 2_500) await record('between the pages')
  }
  t.equal(seen.length, 3_500)
  seen.push(...(await read(stream)))
  t.equal(new Set(seen).size, 3_501)
})

t.test('a stream has one action, and one subject', async (t) => {
  const { record, read } = await start(t)
  const stream = createEventStream({ action: 'login', subject: 'johndoe' })
  await read(stream)
  await record('johndoe')
  await record('alice')
  await record('johndoe', 'tokens_revoked')
  t.same(await read(stream), ['johndoe'])
})

t.test('an error loses nothing, and restored events of another server are not new', async (t) => {
  const { url, record, read } = await start(t)
  const stream = createEventStream({})
  await read(stream)
  await record('one')
  const failing = { pool: { query: () => Promise.reject(new Error('no')) }, nameStatement: () => undefined }
  await t.rejects(stream.next(failing as never), /^no$/)
  await query(
    url,
    `INSERT INTO events (id, action, outcome, subject, xid)
     VALUES (gen_random_uuid(), 'login', 'ok', 'restored', '99999999999')`,
  )
  t.same(await read(stream), ['one'])
  t.same(await read(stream), [])
  const everything = createEventStream({ after: '00000000-0000-0000-0000-000000000000' })
  t.same((await read(everything)).sort(), ['one', 'restored'])
  t.same(await read(everything), [])
})

t.test('events are new whose transaction ids aborted ones had before a crash of PostgreSQL', async (t) => {
  const { url, record, read } = await start(t)
  const session = await beginSession(t, url)
  const stream = createEventStream({ subject: 'johndoe' })
  t.same(await read(stream), [])
  await record('johndoe')
  await session.query('BEGIN')
  const { rows } = await session.query<{ xid: string }>('SELECT pg_current_xact_id()::text AS xid')
  await session.query('ROLLBACK')
  t.same(await read(stream), ['johndoe'])
  await query(
    url,
    `INSERT INTO events (id, action, outcome, subject, xid)
     SELECT gen_random_uuid(), 'login', 'ok', name, $1::xid8 FROM unnest('{johndoe,alice}'::text[]) AS name`,
    [rows[0]?.xid],
  )
  t.same(await read(stream), ['johndoe'])
  t.same(await read(stream), [])
})
