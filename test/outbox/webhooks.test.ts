import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { until } from '../helpers/wait.js'
import {
  createWebhook,
  makeDue,
  type ReceivedMessage,
  type Receiver,
  startReceiver,
} from '../helpers/webhooks.js'

interface Message {
  type: string
  timestamp: string
  data: Record<string, unknown>
}

interface Row {
  id: string
  attempts: number
  next_attempt_at: Date | null
  delivered_at: Date | null
  last_failure: string | null
}

interface Endpoint {
  disabled_reason: string | null
  failing_since: Date | null
}

const parse = ({ body }: ReceivedMessage) => JSON.parse(body) as Message
const idOf = ({ headers }: ReceivedMessage) => headers['webhook-id']
const respond =
  (status: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    void response.writeHead(status, headers).end()

/** Starts the service with a webhook at a receiver, which gets logins only. */
async function start(t: Test, receiver: Receiver) {
  const url = await cloneDatabase(t)
  const secret = await createWebhook(url, 'audit', receiver, '--action', 'login')
  const app = await startApp(t, receiver.settings, url)
  const rows = () => query<Row>(url, 'SELECT * FROM outbox ORDER BY created_at, id')
  const endpoint = async () => (await query<Endpoint>(url, 'SELECT * FROM webhooks'))[0] as Endpoint
  return { url, secret, app, rows, endpoint }
}

/** Lets attempts wait for a response as long as the test takes. */
function liftTimeLimit(t: Test): void {
  t.intercept(AbortSignal, 'timeout', { value: () => new AbortController().signal })
}

/** Returns whether every message has the number of attempts, and none is under way. */
function areSettled(rows: Row[], attempts: number): boolean {
  return rows.every((row) => row.attempts === attempts && (row.delivered_at || row.last_failure))
}

t.test('an event is delivered as the API shows it, signed as Standard Webhooks says', async (t) => {
  const receiver = await startReceiver(t)
  const { url, secret, app, rows } = await start(t, receiver)
  await logIn(app, 'johndoe', 'secret')
  await until(() => receiver.received.length === 1)
  const [{ headers, body }] = receiver.received as [ReceivedMessage]
  const message = new Webhook(secret).verify(body, headers as Record<string, string>) as Message
  const [event] = await query<{ id: string; request_id: string; created_at: Date; last_at: Date }>(
    url,
    "SELECT * FROM events WHERE action = 'login'",
  )
  t.same(message, {
    type: 'audit.login',
    timestamp: event?.last_at.toISOString(),
    data: {
      id: event?.id,
      action: 'login',
      outcome: 'ok',
      actor: 'johndoe',
      subject: 'johndoe',
      address: '127.0.0.1',
      request_id: event?.request_id,
      count: 1,
      created_at: event?.created_at.toISOString(),
      last_at: event?.last_at.toISOString(),
    },
  })
  await until(async () => (await rows())[0]?.delivered_at !== null)
  t.match(await rows(), [{ attempts: 1, next_attempt_at: null, last_failure: null }])
  t.equal(headers['webhook-id'], `msg_${(await rows())[0]?.id}`)
  t.match(headers, { 'content-type': 'application/json', 'user-agent': 'latchkey' })
})

t.test('messages are written with their events, for each enabled webhook that wants them', async (t) => {
  const receiver = await startReceiver(t)
  const url = await cloneDatabase(t)
  await createWebhook(url, 'all', receiver)
  await createWebhook(url, 'keys', receiver, '--action', 'keys_rotated key_retired')
  await createWebhook(url, 'disabled', receiver)
  await runCommand(url, ['webhooks', 'disable', 'disabled'])
  await query(url, 'TRUNCATE outbox')
  const insert = (action: string) =>
    `INSERT INTO events (id, action, outcome) VALUES (gen_random_uuid(), '${action}', 'ok')`
  await query(url, `DO $$ BEGIN ${insert('login')}; ${insert('keys_rotated')}; END $$`)
  await query(url, `DO $$ BEGIN ${insert('login')}; RAISE 'undone'; END $$`).catch(() => {})
  await query(
    url,
    "INSERT INTO events (id, action, outcome, xid) VALUES (gen_random_uuid(), 'login', 'ok', '1')",
  )
  const messages = await query<{ name: string; action: string }>(
    url,
    `SELECT name, payload ->> 'action' AS action FROM outbox JOIN webhooks ON target = webhooks.id::text ORDER BY 1, 2`,
  )
  t.same(
    messages.map(({ name, action }) => [name, action]),
    [
      ['all', 'keys_rotated'],
      ['all', 'login'],
      ['keys', 'keys_rotated'],
    ],
    'none for a transaction that was rolled back, or for a restored event',
  )
})

t.test('failures that are counted in one event are told at powers of ten', async (t) => {
  const receiver = await startReceiver(t)
  const { app } = await start(t, receiver)
  for (let failures = 0; failures < 12; failures++)
    await postToken(app, { username: 'johndoe', password: 'wrong' })
  await until(() => receiver.received.length === 2)
  const messages = receiver.received.map(parse)
  t.same(messages.map(({ data }) => data.count).sort(), [1, 10])
  t.equal(messages[0]?.data.id, messages[1]?.data.id)
  t.equal(new Set(receiver.received.map(idOf)).size, 2)
})

t.test('a failed attempt is repeated later, with the same id and body', async (t) => {
  const receiver = await startReceiver(t, (response) =>
    respond(receiver.received.length < 3 ? 500 : 200)(response),
  )
  const { url, secret, app, rows, endpoint } = await start(t, receiver)
  await logIn(app, 'johndoe', 'secret')
  await until(async () => areSettled(await rows(), 1))
  const [{ next_attempt_at: second, last_failure }] = (await rows()) as [Row]
  t.equal(last_failure, 'the response has the status 500')
  t.ok((await endpoint()).failing_since)
  await makeDue(url)
  await until(async () => areSettled(await rows(), 2))
  const [{ next_attempt_at: third }] = (await rows()) as [Row]
  t.ok(Number(third) > Number(second))
  await makeDue(url)
  await until(async () => (await rows())[0]?.delivered_at !== null)
  t.match(await rows(), [{ attempts: 3, next_attempt_at: null, last_failure: null }])
  t.equal((await endpoint()).failing_since, null)
  t.equal(new Set(receiver.received.map(idOf)).size, 1)
  t.equal(new Set(receiver.received.map(({ body }) => body)).size, 1)
  for (const { headers, body } of receiver.received)
    t.ok(new Webhook(secret).verify(body, headers as Record<string, string>))
})

t.test('after 24 hours of failures a message is a dead letter, which can be retried', async (t) => {
  const statuses = [500, 500, 200]
  const receiver = await startReceiver(t, (response) => respond(statuses.shift() ?? 200)(response))
  const { url, app, rows } = await start(t, receiver)
  await logIn(app, 'johndoe', 'secret')
  await until(async () => areSettled(await rows(), 1))
  await query(url, "UPDATE outbox SET gives_up_at = now() + interval '10 seconds'")
  await makeDue(url)
  await until(async () => areSettled(await rows(), 2))
  const [{ id, next_attempt_at }] = (await rows()) as [Row]
  t.equal(next_attempt_at, null)
  const letters = await runCommand(url, ['webhooks', 'dead-letters', '--json'])
  t.match(JSON.parse(letters.stdout), [
    {
      message: `msg_${id}`,
      webhook: 'audit',
      action: 'login',
      state: 'dead',
      attempts: 2,
      last_failure: 'the response has the status 500',
    },
  ])
  const retried = await runCommand(url, ['webhooks', 'retry', 'audit', '--message', `msg_${id}`])
  t.equal(retried.stdout, '1 messages of audit are pending again.\n')
  await until(async () => (await rows())[0]?.delivered_at !== null)
  t.match(await rows(), [{ attempts: 1 }])
  t.equal(new Set(receiver.received.map(idOf)).size, 1)
})

t.test('Retry-After is honoured, up to an hour', async (t) => {
  const date = new Date('2026-01-01T00:00:00Z').toUTCString()
  for (const [value, least, most] of [
    ['120', 110, 180],
    ['999999', 3_590, 3_660],
    [new Date('2026-01-01T00:10:00Z').toUTCString(), 590, 660],
    ['soon', 0, 60],
  ] as const) {
    const receiver = await startReceiver(t, respond(503, { 'retry-after': value, date }))
    const { url, app, rows } = await start(t, receiver)
    await logIn(app, 'johndoe', 'secret')
    await until(async () => areSettled(await rows(), 1))
    const [{ delay }] = (await query<{ delay: number }>(
      url,
      'SELECT extract(epoch FROM next_attempt_at - last_attempt_at)::float8 AS delay FROM outbox',
    )) as [{ delay: number }]
    t.ok(delay > least && delay < most, `${value}: ${delay}`)
  }
})

t.test('an endpoint that is gone is disabled at once', async (t) => {
  const receiver = await startReceiver(t, respond(410))
  const { url, app, rows, endpoint } = await start(t, receiver)
  await logIn(app, 'johndoe', 'secret')
  await until(async () => (await endpoint()).disabled_reason === 'gone')
  t.match(await rows(), [{ attempts: 1, next_attempt_at: null, delivered_at: null }])
  const events = await runCommand(url, ['events', '--action', 'webhook_disabled', '--json'])
  t.match(JSON.parse(events.stdout), [{ actor: null, subject: 'webhook:audit', outcome: 'ok' }])
  await logIn(app, 'johndoe', 'secret')
  t.equal((await rows()).length, 1)
  const refused = await runCommand(url, ['webhooks', 'retry', 'audit'])
  t.match(refused, { status: 4, stderr: 'latchkey: audit is disabled: run latchkey webhooks enable first\n' })
  await runCommand(url, ['webhooks', 'enable', 'audit'])
  t.match(await endpoint(), { disabled_reason: null, failing_since: null })
})

t.test('an endpoint that has taken nothing for 5 days is disabled by a dead letter', async (t) => {
  const receiver = await startReceiver(t, respond(500))
  const { url, app, rows, endpoint } = await start(t, receiver)
  await query(url, "UPDATE webhooks SET failing_since = now() - interval '121 hours'")
  await logIn(app, 'johndoe', 'secret')
  await until(async () => areSettled(await rows(), 1))
  await query(url, "UPDATE outbox SET gives_up_at = now() + interval '10 seconds'")
  await makeDue(url)
  await until(async () => (await endpoint()).disabled_reason === 'failing')
  t.match(await rows(), [{ attempts: 2, next_attempt_at: null }], 'the first failure did not disable it')
})

t.test('time in which messages were due, and none was attempted, is not time without success', async (t) => {
  const receiver = await startReceiver(t, respond(500))
  const { url, app, rows, endpoint } = await start(t, receiver)
  await logIn(app, 'johndoe', 'secret')
  await until(async () => areSettled(await rows(), 1))
  await app.close()
  // The service stopped an hour later, for almost 6 days.
  await query(url, "UPDATE webhooks SET failing_since = now() - interval '144 hours'")
  await query(
    url,
    `UPDATE outbox SET last_attempt_at = now() - interval '143 hours', next_attempt_at = now() - interval '143 hours',
       gives_up_at = now() - interval '120 hours'`,
  )
  const others = await Promise.all([1, 2].map(() => startApp(t, receiver.settings, url)))
  await Promise.all(others.map((other) => other.ready()))
  await until(async () => areSettled(await rows(), 2))
  await Promise.all(others.map((other) => other.close()))
  t.match(await rows(), [{ attempts: 2, next_attempt_at: null }], 'a dead letter')
  const { disabled_reason, failing_since } = await endpoint()
  t.equal(disabled_reason, null)
  const failingMinutes = (Date.now() - Number(failing_since)) / 60_000
  t.ok(failingMinutes >= 60 && failingMinutes < 61, `${failingMinutes}`)
})

const attempts = [
  ['another is under way or planned', "next_attempt_at = now() + interval '1 minute'"],
  ['another was attempted', "next_attempt_at = NULL, last_attempt_at = now() - interval '10 minutes'"],
] as const

for (const [what, columns] of attempts)
  t.test(`time in which messages wait while ${what} is time without success`, async (t) => {
    const receiver = await startReceiver(t, respond(500))
    const { url, app, rows, endpoint } = await start(t, receiver)
    await logIn(app, 'johndoe', 'secret')
    await until(async () => areSettled(await rows(), 1))
    await app.close()
    await query(url, "INSERT INTO events (id, action, outcome) SELECT gen_random_uuid(), 'login', 'ok'")
    await query(url, "UPDATE webhooks SET failing_since = now() - interval '144 hours'")
    await query(
      url,
      `UPDATE outbox SET next_attempt_at = now() - interval '143 hours', gives_up_at = now() - interval '120 hours'`,
    )
    await query(url, `UPDATE outbox SET ${columns} WHERE id = (SELECT id FROM outbox ORDER BY id LIMIT 1)`)
    const other = await startApp(t, receiver.settings, url)
    await other.ready()
    await until(async () => (await endpoint()).disabled_reason === 'failing')
  })

t.test('several processes share the messages, each of which is sent once', async (t) => {
  const receiver = await startReceiver(t)
  const { url, app, rows } = await start(t, receiver)
  const others = await Promise.all([1, 2].map(() => startApp(t, receiver.settings, url)))
  await Promise.all(others.map((other) => other.ready()))
  await app.ready()
  await query(
    url,
    `INSERT INTO events (id, action, outcome) SELECT gen_random_uuid(), 'login', 'ok' FROM generate_series(1, 60)`,
  )
  await until(async () => (await rows()).every(({ delivered_at }) => delivered_at))
  t.equal(receiver.received.length, 60)
  t.equal(new Set(receiver.received.map(idOf)).size, 60)
})

t.test('an endpoint that does not respond holds up no other one, and gets one batch at a time', async (t) => {
  liftTimeLimit(t)
  const waiting: ServerResponse[] = []
  const slow = await startReceiver(t, (response) => waiting.push(response))
  const quick = await startReceiver(t)
  const url = await cloneDatabase(t)
  const settings = {
    WEBHOOK_INTERNAL_HOSTS: [slow, quick].map((one) => one.settings.WEBHOOK_INTERNAL_HOSTS).join(' '),
  }
  for (const [name, { url: target }] of Object.entries({ slow, quick }))
    await createWebhook(url, name, { url: target, settings }, '--action', 'login')
  const app = await startApp(t, settings, url)
  await app.ready()
  await query(
    url,
    `INSERT INTO events (id, action, outcome) SELECT gen_random_uuid(), 'login', 'ok' FROM generate_series(1, 30)`,
  )
  await until(() => quick.received.length === 30)
  t.equal(slow.received.length, 8)
  for (const response of waiting.splice(0)) respond(204)(response)
  await until(() => slow.received.length === 16)
  for (const response of waiting.splice(0)) respond(204)(response)
  await app.close()
  t.equal(quick.received.length, 30)
})

t.test('an endpoint that has failed gets one message at a time until it accepts one', async (t) => {
  liftTimeLimit(t)
  const waiting: ServerResponse[] = []
  const receiver = await startReceiver(t, (response) => waiting.push(response))
  const { url, app, rows, endpoint } = await start(t, receiver)
  const answer = (status: number) => waiting.splice(0).map(respond(status))
  await logIn(app, 'johndoe', 'secret')
  await until(() => waiting.length === 1)
  answer(500)
  await until(async () => (await endpoint()).failing_since !== null)
  await query(
    url,
    `INSERT INTO events (id, action, outcome) SELECT gen_random_uuid(), 'login', 'ok' FROM generate_series(1, 30)`,
  )
  await until(() => waiting.length > 0)
  const leased = async () => (await rows()).filter(({ attempts }) => attempts === 1).length
  t.equal(await leased(), 2, 'the one that failed, and another')
  answer(204)
  await until(async () => (await leased()) === 10)
  await until(() => waiting.length === 8)
  answer(204)
  await app.close()
})

t.test('closing the service waits for attempts under way, and begins no others', async (t) => {
  liftTimeLimit(t)
  const waiting: ServerResponse[] = []
  const receiver = await startReceiver(t, (response) => waiting.push(response))
  const { url, app, rows } = await start(t, receiver)
  await app.listen({ host: '127.0.0.1', port: 0 })
  const request = connect((app.server.address() as AddressInfo).port, '127.0.0.1')
  const arrived = once(app.server, 'request')
  request.write('POST /token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n')
  await arrived
  await query(
    url,
    `INSERT INTO events (id, action, outcome) SELECT gen_random_uuid(), 'login', 'ok' FROM generate_series(1, 9)`,
  )
  await until(() => waiting.length === 8)
  const closing = app.close()
  await until(() => !app.server.listening)
  for (const response of waiting.splice(0)) respond(204)(response)
  const delivered = async () => (await rows()).filter(({ delivered_at }) => delivered_at).length
  await until(async () => (await delivered()) === 8)
  // While the request is under way, the service still runs, and looks for due messages.
  await makeDue(url)
  await app.changes.sync()
  request.destroy()
  await closing
  const messages = await rows()
  t.equal(messages.filter(({ delivered_at, attempts }) => delivered_at && attempts === 1).length, 8)
  t.equal(messages.filter(({ attempts }) => attempts === 0).length, 1)
})

t.test(
  'an attempt that a crash interrupts is repeated, and one that outlasts its lease settles nothing',
  async (t) => {
    liftTimeLimit(t)
    const waiting: ServerResponse[] = []
    const receiver = await startReceiver(t, (response) => waiting.push(response))
    const { url, app, rows } = await start(t, receiver)
    await logIn(app, 'johndoe', 'secret')
    await until(() => waiting.length === 1)
    // The lease ends as if the process had crashed, and another process takes over.
    const other = await startApp(t, receiver.settings, url)
    await other.ready()
    await makeDue(url)
    await until(() => waiting.length === 2)
    respond(500)(waiting[0] as ServerResponse)
    await app.close()
    t.match(await rows(), [{ attempts: 2, delivered_at: null, last_failure: null }])
    respond(204)(waiting[1] as ServerResponse)
    await until(async () => (await rows())[0]?.delivered_at !== null)
    t.match(await rows(), [{ attempts: 2, last_failure: null }])
    t.equal(new Set(receiver.received.map(idOf)).size, 1)
  },
)

t.test('an attempt that outlasts its lease settles nothing after a retry either', async (t) => {
  liftTimeLimit(t)
  const waiting: ServerResponse[] = []
  const receiver = await startReceiver(t, (response) => waiting.push(response))
  const { url, app, rows } = await start(t, receiver)
  await logIn(app, 'johndoe', 'secret')
  await until(() => waiting.length === 1)
  const other = await startApp(t, receiver.settings, url)
  await other.ready()
  await query(url, 'UPDATE outbox SET gives_up_at = now()')
  await makeDue(url)
  await until(() => waiting.length === 2)
  respond(503)(waiting[1] as ServerResponse)
  await until(async () => (await rows())[0]?.next_attempt_at === null)
  await runCommand(url, ['webhooks', 'retry', 'audit'])
  await until(() => waiting.length === 3)
  respond(500)(waiting[0] as ServerResponse)
  await app.close()
  t.match(await rows(), [{ attempts: 1, last_failure: 'the response has the status 503' }])
  respond(204)(waiting[2] as ServerResponse)
  await until(async () => (await rows())[0]?.delivered_at !== null)
})

t.test('an attempt whose outcome cannot be stored is repeated', async (t) => {
  liftTimeLimit(t)
  const waiting: ServerResponse[] = []
  const receiver = await startReceiver(t, (response) => waiting.push(response))
  const { url, app, rows } = await start(t, receiver)
  await logIn(app, 'johndoe', 'secret')
  await until(() => waiting.length === 1)
  const { pool } = app.database
  const { query: execute } = pool
  let refused = 0
  pool.query = async () => {
    refused += 1
    throw new Error('no statement')
  }
  respond(204)(waiting[0] as ServerResponse)
  await until(() => refused > 0)
  pool.query = execute
  t.match(await rows(), [{ attempts: 1, delivered_at: null }])
  await makeDue(url)
  await until(() => waiting.length === 2)
  respond(204)(waiting[1] as ServerResponse)
  await until(async () => (await rows())[0]?.delivered_at !== null)
  t.equal(new Set(receiver.received.map(idOf)).size, 1)
})

t.test('messages of a deleted webhook, of an unknown one, and expired ones are removed', async (t) => {
  const receiver = await startReceiver(t, respond(500))
  const { url, app, rows } = await start(t, receiver)
  await logIn(app, 'johndoe', 'secret')
  await until(async () => areSettled(await rows(), 1))
  const removed = await runCommand(url, ['webhooks', 'delete', 'audit', '--yes'])
  t.equal(removed.stdout, 'Deleted audit.\n')
  t.same(await rows(), [])
  t.same(await query(url, "SELECT * FROM departures WHERE kind = 'webhook'"), [])
})
