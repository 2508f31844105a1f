import t from 'tap'
import { query } from '../database/query.js'
import { startApp } from '../helpers/app.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { localhostPem, startHttps } from '../helpers/https.js'
import { createWebhook, startReceiver } from '../helpers/webhooks.js'

const url = await cloneDatabase(t)
const receiver = await startReceiver(t)
const target = 'https://audit.example/hook'
const run = (args: string[], env: Record<string, string> = receiver.settings) =>
  runCommand(url, ['webhooks', ...args], { env })

t.afterEach(() => query(url, 'TRUNCATE webhooks, outbox, events'))

t.test('webhooks are created, listed, changed, disabled, enabled and deleted', async (t) => {
  const created = await run([
    'create',
    'audit',
    '--url',
    target,
    '--action',
    'login',
    '--action',
    'key_retired',
  ])
  t.match(created, { status: 0, stderr: '' })
  t.match(created.stdout, /^name {4}audit\nsecret {2}whsec_\S{44}\nThe secret is not shown again\.\n$/)
  t.match((await run(['list'])).stdout, /^name .*\naudit {2}https:\S+ {2}login key_retired {2}enabled {2}- /)
  t.equal(
    (await run(['update', 'audit', '--url', `${target}?x=1`, '--action', ''])).stdout,
    'Changed audit.\n',
  )
  t.equal((await run(['disable', 'audit'])).stdout, 'audit is disabled.\n')
  const [row] = JSON.parse((await run(['list', '--json'])).stdout)
  t.match(row, { url: `${target}?x=1`, actions: [], own_ca: false, state: 'disabled (operator)' })
  t.ok(row.updated_at > row.created_at)
  t.equal((await run(['enable', 'audit'])).stdout, 'audit is enabled.\n')
  t.match(await run(['delete', 'audit']), { status: 2, stderr: /a deletion requires --yes/ })
  t.same(JSON.parse((await run(['delete', 'audit', '--yes', '--json'])).stdout), {
    name: 'audit',
    deleted: true,
  })
  t.equal((await run(['list', '--json'])).stdout, '[]\n')
  const events = await query<{ action: string; actor: string; subject: string; user_id: null }>(
    url,
    'SELECT * FROM events ORDER BY id',
  )
  t.same(
    events.map(({ action, actor, subject, user_id }) => [action, actor, subject, user_id]),
    ['created', 'changed', 'disabled', 'enabled', 'deleted'].map((what) => [
      `webhook_${what}`,
      'cli',
      'webhook:audit',
      null,
    ]),
  )
})

t.test('what is not there is not found, and a taken name is refused', async (t) => {
  for (const args of [
    ['update', 'other', '--action', 'login'],
    ['disable', 'other'],
    ['enable', 'other'],
    ['delete', 'other', '--yes'],
    ['rotate-secret', 'other'],
    ['test', 'other'],
    ['deliveries', 'other'],
    ['dead-letters', 'other'],
    ['retry', 'other'],
  ])
    t.match(await run(args), { status: 3, stderr: 'latchkey: there is no webhook other\n' }, args.join(' '))
  await createWebhook(url, 'audit', receiver)
  t.match(await run(['create', 'audit', '--url', target]), {
    status: 4,
    stderr: 'latchkey: webhook audit already exists\n',
  })
  t.match(await run(['update', 'audit']), { status: 2, stderr: /specify --url, --action or --ca/ })
  t.match(await run(['retry', 'audit', '--message', 'msg_1']), {
    status: 2,
    stderr: /not the id of a message/,
  })
  const id = '00000000-0000-0000-0000-000000000001'
  t.match(await run(['retry', 'audit', '--message', id]), { status: 3, stderr: /has no dead letter/ })
})

t.test('there are at most 20 webhooks, also if several are created at once', async (t) => {
  await query(
    url,
    `INSERT INTO webhooks (name, url, sealed_secret, sealed_under)
     SELECT 'hook' || number, '${target}', '', '' FROM generate_series(1, 19) AS number`,
  )
  const outcomes = await Promise.all(
    ['one', 'two', 'three'].map((name) => run(['create', name, '--url', target])),
  )
  t.same(outcomes.map(({ status }) => status).sort(), [0, 4, 4])
  t.match(outcomes.find(({ status }) => status === 4)?.stderr, /there are 20 webhooks already/)
})

t.test('names and URLs are checked', async (t) => {
  for (const name of ['', 'A', 'a_b', '-a', 'a'.repeat(65)])
    t.match(
      await run(['create', '--url', target, '--', name]),
      { status: 2, stderr: /a name must have/ },
      name,
    )
  for (const refused of [
    'http://audit.example/hook',
    'https://user@audit.example/',
    'https://audit.example/#a',
    'ftp://audit.example/',
    'audit.example',
    `https://audit.example/${'a'.repeat(2_048)}`,
  ])
    t.match(
      await run(['create', 'a', '--url', refused]),
      { status: 2, stderr: /must be an https URL/ },
      refused,
    )
  for (const host of [
    '127.0.0.1',
    '10.0.0.1',
    '169.254.169.254',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '[::ffff:10.0.0.1]',
  ])
    t.match(
      await run(['create', 'a', '--url', `https://${host}/`]),
      { status: 2, stderr: /not public/ },
      host,
    )
  const metadata = { WEBHOOK_INTERNAL_HOSTS: '169.254.169.254' }
  t.match(await run(['create', 'a', '--url', 'http://169.254.169.254/'], metadata), {
    status: 2,
    stderr: /not public/,
  })
  t.match(await run(['create', 'a', '--url', target, '--action', 'nothing']), {
    status: 2,
    stderr: /Allowed choices/,
  })
  t.same(await query(url, 'SELECT * FROM webhooks'), [])
})

t.test('a test says whether the endpoint accepts messages', async (t) => {
  const statuses = [204, 500]
  const origin = await startHttps(t, (_request, response) =>
    response.writeHead(Number(statuses.shift())).end(),
  )
  const { host } = new URL(origin)
  const internal = { WEBHOOK_INTERNAL_HOSTS: host }
  const file = 'test/fixtures/tls/self-signed.pem'
  t.equal((await run(['create', 'audit', '--url', origin, '--ca', file], internal)).status, 0)
  t.match(await query(url, 'SELECT ca FROM webhooks'), [{ ca: /^-----BEGIN CERTIFICATE/ }])
  t.notMatch(JSON.stringify(await query(url, 'SELECT ca FROM webhooks')), /PRIVATE/, localhostPem)
  t.match(await run(['test', 'audit'], internal), { status: 0, stdout: 'audit accepts messages.\n' })
  t.match(await run(['test', 'audit'], internal), {
    status: 1,
    stderr: 'latchkey: audit failed: the response has the status 500\n',
  })
  t.match(await run(['test', 'audit']), { status: 1, stderr: /the host has an address that is not public/ })
  await run(['update', 'audit', '--ca', ''], internal)
  t.match(await run(['test', 'audit'], internal), { status: 1, stderr: /self-signed certificate/ })
})

t.test('messages are listed by their state, and dead letters are retried', async (t) => {
  await createWebhook(url, 'audit', receiver)
  await createWebhook(url, 'other', receiver, '--action', 'login')
  await query(url, 'TRUNCATE outbox')
  await query(
    url,
    `INSERT INTO outbox (kind, target, payload, next_attempt_at, delivered_at, last_failure, created_at)
     SELECT 'webhook', id, '{"action": "login"}', next, delivered, failure, now() - number * interval '1 minute'
     FROM webhooks, (VALUES
       (1, now(), NULL::timestamptz, NULL), (2, NULL, now(), NULL), (3, NULL, NULL, 'the response has the status 500')
     ) AS message (number, next, delivered, failure)`,
  )
  const list = async (...args: string[]) =>
    (JSON.parse((await run([...args, '--json'])).stdout) as Record<string, string>[]).map(
      ({ webhook, state }) => [webhook, state],
    )
  t.same(await list('deliveries', 'audit'), [
    ['audit', 'pending'],
    ['audit', 'delivered'],
    ['audit', 'dead'],
  ])
  t.equal((await list('deliveries', '--limit', '4')).length, 4)
  t.equal((await list('dead-letters')).length, 2)
  t.same(await list('dead-letters', 'other'), [['other', 'dead']])
  t.match(
    (await run(['dead-letters', 'other'])).stdout,
    /msg_\S+ +other +login +dead +0 .* the response has the status 500\n$/,
  )
  t.equal((await run(['retry', 'audit'])).stdout, '1 messages of audit are pending again.\n')
  t.same(await list('dead-letters'), [['other', 'dead']])
})

t.test('doctor tells which webhooks get no messages, and why', async (t) => {
  const doctor = async (env: Record<string, string> = receiver.settings) => {
    const all = { DATA_DIRECTORY: t.testdir(), ...env }
    const findings = JSON.parse((await runCommand(url, ['doctor', '--json'], { env: all })).stdout) as {
      check: string
      state: string
      explanation: string
    }[]
    return findings
      .filter(({ check }) => check === 'webhooks')
      .map(({ state, explanation }) => `${state} ${explanation}`)
  }
  t.same(await doctor(), ['ok all take their messages'])
  for (const name of ['failing', 'gone', 'off', 'slow', 'well']) await createWebhook(url, name, receiver)
  await run(['disable', 'off'])
  await query(
    url,
    `UPDATE webhooks SET failing_since = '2026-01-01T00:00:00Z',
       disabled_at = CASE WHEN name <> 'slow' THEN now() END, disabled_reason = CASE WHEN name <> 'slow' THEN name END
     WHERE name IN ('failing', 'gone', 'slow')`,
  )
  await query(
    url,
    `INSERT INTO outbox (kind, target, payload, next_attempt_at) SELECT 'webhook', id, '{}', NULL FROM webhooks WHERE name = 'gone'`,
  )
  t.same(await doctor(), [
    'warn failing is disabled, since its endpoint has taken no message for days',
    'warn gone is disabled, since its endpoint has responded with 410',
    'warn slow has failed since 2026-01-01T00:00:00.000Z',
    'warn some messages could not be delivered: latchkey webhooks dead-letters lists them',
  ])
  await query(url, "DELETE FROM webhooks WHERE name <> 'well'")
  t.same(await doctor({}), [
    'warn well is called without TLS, and WEBHOOK_INTERNAL_HOSTS does not name its host',
  ])
  const other = {
    ...receiver.settings,
    KEY_ENCRYPTION_SECRET: 'another secret that encrypts keys, of many characters',
  }
  t.match(await doctor(other), [
    /^warn well cannot be signed for: the secret was encrypted under a published one/,
  ])
})

t.test('no secret is encrypted under another KEY_ENCRYPTION_SECRET than the keys are', async (t) => {
  const url = await cloneDatabase(t)
  const former = 'a former secret that encrypts keys, of many characters'
  const present = 'the present secret that encrypts keys, of many characters'
  const service = await startApp(t, { JWT_SECRET: '', KEY_ENCRYPTION_SECRET: former }, url)
  await service.ready()
  await createWebhook(url, 'audit', { url: target, settings: { KEY_ENCRYPTION_SECRET: former } as never })
  const before = await query(
    url,
    'SELECT sealed_under FROM webhooks UNION SELECT sealed_under FROM signing_keys',
  )
  for (const [env, stderr] of [
    [{}, /encrypted under another KEY_ENCRYPTION_SECRET; set that one as KEY_ENCRYPTION_SECRET_PREVIOUS/],
    [{ KEY_ENCRYPTION_SECRET: present }, /encrypted under another KEY_ENCRYPTION_SECRET; set that/],
    [
      { KEY_ENCRYPTION_SECRET: present, KEY_ENCRYPTION_SECRET_PREVIOUS: former },
      /encrypted under a former KEY_ENCRYPTION_SECRET: start the service with the present one first/,
    ],
  ] as const)
    for (const args of [
      ['webhooks', 'create', 'other', '--url', target],
      ['webhooks', 'rotate-secret', 'audit'],
      ['webhooks', 'rotate-secret', 'audit', '--now'],
      ['keys', 'rotate', '--now'],
    ])
      t.match(
        await runCommand(url, args, { env: { JWT_SECRET: '', ...env } }),
        { status: 1, stderr },
        args.join(' '),
      )
  t.same(
    await query(url, 'SELECT sealed_under FROM webhooks UNION SELECT sealed_under FROM signing_keys'),
    before,
  )
})
