import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import bcrypt from 'bcrypt'
import t, { type Test } from 'tap'
import { eventOf } from '../../src/audit/event.js'
import { recordEvent } from '../../src/audit/event-store.js'
import { query } from '../database/query.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { startMailServer, tokenIn } from '../helpers/mail.js'

interface Event {
  id: string
  action: string
  outcome: string
  actor: string | null
  subject: string | null
  address: string | null
  request_id: string | null
  count: number
}

const password = 'correct horse'

async function start(t: Test, settings: Record<string, string> = {}) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, settings, url)
  const stored = () => app.database.event.findMany({ orderBy: { id: 'asc' } })
  return { url, app, stored }
}

t.test('logins are recorded, and failures are counted in one row', async (t) => {
  const { app, stored } = await start(t)
  await logIn(app, 'johndoe', 'secret')
  const fail = (username: string) => postToken(app, { username, password: 'Tr0ub4dor&3' })
  await Promise.all(Array.from({ length: 10 }, () => fail('johndoe')))
  await Promise.all(Array.from({ length: 5 }, () => fail('hunter2 typed too early')))
  const events = await stored()
  t.match(events[0], {
    action: 'login',
    outcome: 'ok',
    actor: 'johndoe',
    subject: 'johndoe',
    address: '127.0.0.1',
    count: 1,
  })
  t.match(events[0]?.requestId, /^[\da-f-]{36}$/)
  t.same(
    events
      .slice(1)
      .map(({ action, outcome, actor, subject, count }) => ({ action, outcome, actor, subject, count }))
      .sort((a, b) => b.count - a.count),
    [
      { action: 'login', outcome: 'failed', actor: null, subject: 'johndoe', count: 10 },
      { action: 'login', outcome: 'failed', actor: null, subject: null, count: 5 },
    ],
  )
  t.notMatch(JSON.stringify(events), /Tr0ub4dor|hunter2|secret/)
})

t.test('the reuse of a refresh token after the grace period is recorded', async (t) => {
  const { app, stored } = await start(t, { REFRESH_TOKEN_GRACE_SECONDS: '0' })
  const { refresh_token } = (await postToken(app, { username: 'johndoe', password: 'secret' })).json<{
    refresh_token: string
  }>()
  for (let i = 0; i < 2; i++) await postToken(app, { grant_type: 'refresh_token', refresh_token })
  const events = await stored()
  t.match(events.at(-1), {
    action: 'refresh_reuse',
    outcome: 'failed',
    actor: null,
    subject: 'johndoe',
    count: 1,
  })
  t.notMatch(JSON.stringify(events), refresh_token)
})

t.test('changes by users to their accounts are recorded without secrets', async (t) => {
  const mail = await startMailServer(t)
  const { app, stored } = await start(t, { SMTP_URL: mail.url })
  const post = async (path: string, body: object) => {
    await as(app, null).post(path, body)
    await app.background.idle()
  }
  for (let i = 0; i < 2; i++)
    await post('/users/', { username: 'janedoe', password, email: 'jane@example.com' })
  const confirmation = tokenIn(await mail.mailTo('jane@example.com', 'Confirm your e-mail address'))
  await post('/account/confirm-email', { token: confirmation })
  for (const email of ['jane@example.com', 'nobody@example.com'])
    await post('/account/forgot-password', { email })
  const reset = tokenIn(await mail.mailTo('jane@example.com', 'Set a new password'))
  await post('/account/reset-password', { token: reset, password: 'battery staple' })
  const token = await logIn(app, 'janedoe', 'battery staple')
  await as(app, token).patch('/users/me/', { full_name: 'Jane' })
  await as(app, token).patch('/users/me/', { email: null, password: 'battery staple' })
  for (const old_password of ['wrong', 'battery staple'])
    await as(app, token).put('/users/me/password', { old_password, new_password: 'staple battery' })
  const again = await logIn(app, 'janedoe', 'staple battery')
  for (const given of ['wrong', 'staple battery'])
    await as(app, again).delete('/users/me/', { password: given })

  const events = await stored()
  t.same(
    events.map(({ action, outcome, actor, subject }) => [action, outcome, actor, subject].join(' ')),
    [
      'user_registered ok janedoe janedoe',
      'user_registered failed  ',
      'email_confirmed ok janedoe janedoe',
      'password_reset_requested ok  janedoe',
      'password_reset_requested failed  ',
      'password_reset ok janedoe janedoe',
      'login ok janedoe janedoe',
      'email_changed ok janedoe janedoe',
      'password_changed failed janedoe janedoe',
      'password_changed ok janedoe janedoe',
      'login ok janedoe janedoe',
      'user_deleted failed janedoe janedoe',
      'user_deleted ok janedoe janedoe',
    ],
  )
  t.notMatch(JSON.stringify(events), new RegExp(`battery|horse|@|${confirmation}|${reset}|${token}`))
})

t.test('actions of administrators and operators are recorded', async (t) => {
  const { url, app, stored } = await start(t, { JWT_SECRET: '' })
  await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin'])
  await runCommand(url, ['users', 'create', 'bob'], { input: password })
  const token = await logIn(app, 'johndoe', 'secret', 'users:admin')
  for (const body of [
    { disabled: true },
    { disabled: false },
    { password_change_required: true },
    { password_change_required: false },
    { scopes: ['items:admin'] },
  ])
    await as(app, token).patch('/users/bob/', body)
  await as(app, token).post('/invitations/')
  await as(app, token).delete('/users/bob/')
  for (const args of [
    ['users', 'disable', 'alice'],
    ['users', 'enable', 'alice'],
    ['users', 'invite'],
    ['users', 'delete', 'alice', '--yes'],
    ['clients', 'create', 'c', '--name', 'C'],
    ['clients', 'rotate-secret', 'c'],
    ['clients', 'disable', 'c'],
    ['clients', 'enable', 'c'],
    ['tokens', 'revoke', '--client', 'c'],
    ['tokens', 'revoke', '--user', 'johndoe'],
    ['clients', 'delete', 'c', '--yes'],
    ['keys', 'rotate', '--now'],
  ]) {
    const { status, stderr } = await runCommand(url, args)
    t.equal(status, 0, `${args.join(' ')}: ${stderr}`)
  }
  await runCommand(url, ['users', 'set-password', 'johndoe'], { input: password })

  t.same(
    (await stored()).map(({ action, actor, subject }) => [action, actor, subject].join(' ')),
    [
      'scopes_changed cli johndoe',
      'user_created cli bob',
      'login johndoe johndoe',
      'user_disabled johndoe bob',
      'user_enabled johndoe bob',
      'password_change_forced johndoe bob',
      'scopes_changed johndoe bob',
      'invitation_created johndoe ',
      'user_deleted johndoe bob',
      'user_disabled cli alice',
      'user_enabled cli alice',
      'invitation_created cli ',
      'user_deleted cli alice',
      'client_created cli client:c',
      'client_secret_rotated cli client:c',
      'client_disabled cli client:c',
      'client_enabled cli client:c',
      'tokens_revoked cli client:c',
      'tokens_revoked cli johndoe',
      'client_deleted cli client:c',
      'keys_rotated cli ',
      'password_changed cli johndoe',
    ],
  )
})

t.test('users list their own events, and administrators list all', async (t) => {
  const { url, app } = await start(t)
  await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin'])
  await as(app, null).post('/users/', { username: 'janedoe', password })
  const jane = await logIn(app, 'janedoe', password)
  const john = await logIn(app, 'johndoe', 'secret', 'users:admin')
  await as(app, john).patch('/users/janedoe/', { disabled: false })
  await postToken(app, { username: 'janedoe', password: 'wrong' })
  const own = (await as(app, jane).get('/users/me/events/')).json<Event[]>()
  t.same(
    own.map(({ action, actor, address }) => [action, actor, address].join(' ')),
    [
      'login  127.0.0.1',
      'user_enabled johndoe ',
      'login janedoe 127.0.0.1',
      'user_registered janedoe 127.0.0.1',
    ],
  )
  t.equal((await as(app, jane).get('/events/')).statusCode, 403)
  const all = (await as(app, john).get('/events/')).json<Event[]>()
  t.equal(all.length, 6)
  t.equal((await as(app, john).get('/events/?action=login')).json<Event[]>().length, 3)
  t.same(
    (await as(app, john).get('/events/?subject=johndoe&action=scopes_changed')).json<Event[]>().length,
    1,
  )

  const paged: Event[] = []
  for (let next: string | undefined = '/events/?limit=4'; next; ) {
    const response = await as(app, john).get(next)
    paged.push(...response.json<Event[]>())
    next = /<(.*)>; rel="next"/.exec(String(response.headers.link ?? ''))?.[1]
  }
  t.same(paged, all)
  for (const query of ['limit=0', 'cursor=x', 'action=x', 'subject=%00'])
    t.equal((await as(app, john).get(`/events/?${query}`)).statusCode, 422, query)
})

t.test('parameters that the lists of events do not have are ignored, whatever they are called', async (t) => {
  const { url, app } = await start(t)
  await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin'])
  const john = await logIn(app, 'johndoe', 'secret', 'me users:admin')
  const unknown = ['userId=x', 'userId=a&userId=b', 'before=%00', 'after=1', 'constructor=x']
  for (const [path, parameters] of Object.entries({
    '/events/': unknown,
    '/users/me/events/': [...unknown, 'action=%00', 'action=login&action=login', 'subject=client:x'],
  })) {
    const whole = (await as(app, john).get(path)).body
    for (const parameter of parameters)
      t.equal((await as(app, john).get(`${path}?${parameter}`)).body, whole, `${path}?${parameter}`)
  }
})

t.test('no source passes a query on as a whole, with what its schema does not name', (t) => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) => /\.ts$/.test(file))
  t.ok(files.length > 100)
  t.same(
    files.filter((file) => /\.\.\.(request\.)?query\b/.test(readFileSync(join('src', file), 'utf8'))),
    [],
  )
  t.end()
})

t.test('a later user inserted with the same username cannot read the events of the former one', async (t) => {
  const { app, url } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  await as(app, token).delete('/users/me/', { password: 'secret' })
  await query(
    url,
    "INSERT INTO users (id, username, hashed_password) VALUES (gen_random_uuid(), 'johndoe', $1)",
    [bcrypt.hashSync(password, 4)],
  )
  const events = await as(app, await logIn(app, 'johndoe', password)).get('/users/me/events/')
  t.same(
    events.json<Event[]>().map(({ action }) => action),
    ['login'],
  )
})

t.test('recorded events cannot be rewritten in the database', async (t) => {
  const { url, app } = await start(t)
  await logIn(app, 'johndoe', 'secret')
  for (const change of ["action = 'x'", 'actor = NULL', "created_at = now() - interval '1 day'", 'count = 0'])
    await t.rejects(query(url, `UPDATE events SET ${change}`), change)
})

t.test('requests for a new password share one row per hour and user, whatever the network', async (t) => {
  const { app, stored } = await start(t, { TRUST_PROXY: '127.0.0.1' })
  app.sendMail = () => {}
  const forgotten = (email: string) =>
    Array.from({ length: 60 }, (_, i) =>
      app.inject({
        method: 'POST',
        url: '/account/forgot-password',
        payload: { email },
        headers: { 'x-forwarded-for': `192.0.2.${i}` },
      }),
    )
  await Promise.all([...forgotten('johndoe@example.com'), ...forgotten('nobody@example.com')])
  await app.background.idle()
  const events = await stored()
  const known = events.filter(({ outcome }) => outcome === 'ok')
  t.match(known, [{ action: 'password_reset_requested', subject: 'johndoe', count: 60 }])
  t.match(known[0]?.address, /^192\.0\.2\./)
  const unknown = events.filter(({ outcome }) => outcome === 'failed')
  t.ok(unknown.length <= 25, `${unknown.length} rows for the unknown address`)
  t.equal(
    unknown.reduce((sum, { count }) => sum + count, 0),
    60,
    'each is counted',
  )
})

t.test('failures from many addresses do not push other events off the list of a user', async (t) => {
  const { app, stored } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const user = await app.database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })
  const fail = (i: number) => {
    const what = { action: 'login', outcome: 'failed', actor: null } as const
    return recordEvent(
      eventOf(what, user, { address: `192.0.2.${i % 100}`, requestId: `${i}` }),
      app.database,
    )
  }
  for (let i = 0; i < 200; i += 5) await Promise.all([i, i + 1, i + 2, i + 3, i + 4].map(fail))
  const failed = (await stored()).filter(({ outcome }) => outcome === 'failed')
  t.ok(failed.length > 10 && failed.length <= 25, `${failed.length} rows`)
  t.equal(
    failed.reduce((sum, { count }) => sum + count, 0),
    200,
    'each is counted',
  )
  t.match(
    failed.filter(({ address }) => address === null),
    [{ requestId: null, subject: 'johndoe' }],
    'one row counts the rest without an address',
  )
  const own = (await as(app, token).get('/users/me/events/')).json<Event[]>()
  t.ok(own.some(({ outcome }) => outcome === 'ok'))
})

t.test('the clock of a process decides neither the order nor the hour of an event', async (t) => {
  const { app, stored } = await start(t)
  await logIn(app, 'johndoe', 'secret')
  const realNow = Date.now
  Date.now = () => realNow() - 3 * 3_600_000
  try {
    await logIn(app, 'alice', 'secret2')
    await postToken(app, { username: 'johndoe', password: 'wrong' })
  } finally {
    Date.now = realNow
  }
  await postToken(app, { username: 'johndoe', password: 'wrong' })
  const events = await stored()
  t.match(events.at(-1), { subject: 'johndoe', outcome: 'failed', count: 2 })
  for (const { id, createdAt } of events)
    t.ok(Math.abs(Number.parseInt(id.replace('-', '').slice(0, 12), 16) - createdAt.getTime()) < 60_000, id)
})
