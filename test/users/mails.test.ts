import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { cloneDatabase } from '../helpers/database.js'
import { collectMails } from '../helpers/mails.js'
import { beginTransaction } from '../helpers/replicas.js'

const password = 'battery staple'
const email = 'jane@example.com'

async function start(t: Test, settings: Record<string, string> = {}) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, settings, url)
  const mails = collectMails(app)
  const post = (path: string, payload: object, headers = {}) =>
    app.inject({ method: 'POST', url: path, payload, headers })
  const register = async (username: string, address = email) => {
    t.equal((await post('/users/', { username, password, email: address })).statusCode, 202)
    await app.background.idle()
  }
  const forget = async (address: string, headers = {}) => {
    t.equal((await post('/account/forgot-password', { email: address }, headers)).statusCode, 202)
  }
  /** Ends the time windows of all budgets. */
  const wait = () => query(url, "UPDATE mail_budgets SET expires_at = now() - interval '1 ms'")
  const resend = async (username: string, address = email) => {
    const token = await logIn(app, username, password)
    return as(app, token).patch('/users/me/', { email: address, password })
  }
  return { url, app, mails, post, register, forget, wait, resend }
}

t.test('concurrent reset requests for one address send one mail', async (t) => {
  const { url, app, mails, forget, wait } = await start(t)
  const other = await startApp(t, {}, url)
  other.sendMail = app.sendMail
  const ask = (service: FastifyInstance, email: string) =>
    service.inject({ method: 'POST', url: '/account/forgot-password', payload: { email } })
  for (const address of ['johndoe@example.com', 'JOHNDOE@example.com']) {
    await Promise.all(Array.from({ length: 50 }, () => [ask(app, address), ask(other, address)]).flat())
    await Promise.all([app.background.idle(), other.background.idle()])
  }
  t.match(mails, [{ to: 'johndoe@example.com', text: /for the account johndoe\./ }])
  await wait()
  await forget('johndoe@example.com')
  await app.background.idle()
  t.equal(mails.length, 2, 'a minute later another one is sent')
})

t.test('concurrent changes to one address send one confirmation mail', async (t) => {
  const { app, mails } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const payload = { email, password: 'secret' }
  const headers = { authorization: `Bearer ${token}` }
  const answers = await Promise.all(
    Array.from({ length: 6 }, () => app.inject({ method: 'PATCH', url: '/users/me/', payload, headers })),
  )
  t.same(
    answers.map(({ statusCode }) => statusCode),
    Array(6).fill(200),
  )
  t.equal(mails.filter(({ to }) => to === email).length, 1)
})

t.test('a reset mail has a link for each account that the address recovers', async (t) => {
  const { app, mails, post, register, forget } = await start(t)
  for (const username of ['squatter', 'janedoe', 'janedoe2']) await register(username)
  await register('capitals', 'JANE@example.com')
  mails.length = 0
  await forget(email)
  await app.background.idle()
  t.same(
    mails.map(({ to }) => to),
    [email, 'JANE@example.com'],
    'spellings may be different mailboxes',
  )
  const [mail, other] = mails
  t.notMatch(mail?.text, 'capitals')
  t.match(other?.text, /for the account capitals\./)
  for (const username of ['squatter', 'janedoe', 'janedoe2']) {
    const [, token] = new RegExp(`^${username}:\n.*#(\\S+)$`, 'm').exec(String(mail?.text)) ?? []
    const reset = await post('/account/reset-password', { token, password: `${username} correct horse` })
    t.equal(reset.statusCode, 204, username)
    t.ok(await logIn(app, username, `${username} correct horse`))
  }
})

t.test('strangers with the same address cannot keep its owner from a reset', async (t) => {
  const { url, app, mails, register, forget, wait } = await start(t)
  for (let i = 0; i < 12; i++) await register(`stranger${i}`)
  await register('janedoe')
  await query(url, "UPDATE users SET id = 'ffffffff-ffff-7fff-bfff-ffffffffffff' WHERE username = 'janedoe'")
  mails.length = 0
  for (let i = 0; i < 2; i++) {
    await wait()
    await forget(email)
    await app.background.idle()
  }
  t.ok(
    mails.some(({ text }) => text.includes('janedoe:')),
    'accounts take turns',
  )
})

t.test(
  'an owner who has waited longer comes before strangers who register later or use their links',
  async (t) => {
    const { url, app, mails, post, register, forget, wait } = await start(t)
    for (let i = 0; i < 12; i++) await register(`stranger${i}`)
    await register('janedoe')
    await query(
      url,
      "UPDATE users SET id = 'ffffffff-ffff-7fff-bfff-ffffffffffff' WHERE username = 'janedoe'",
    )
    const ask = async () => {
      mails.length = 0
      await wait()
      await forget(email)
      await app.background.idle()
      return mails.map(({ text }) => text).join('')
    }
    for (const [, token] of (await ask()).matchAll(/#(\S+)/g))
      await post('/account/reset-password', { token, password: 'correct horse' })
    for (let i = 12; i < 24; i++) await register(`stranger${i}`)
    t.match(await ask(), 'janedoe:')
  },
)

t.test('strangers who spell an address differently cannot keep its owner from the links', async (t) => {
  const { url, app, mails, register, forget, wait, resend } = await start(t)
  const spellings = ['Jane@example.com', 'JANE@example.com', 'janE@example.com', email, 'jaNe@example.com']
  for (const [i, address] of spellings.entries()) await register(`stranger${i}`, address)
  await register('janedoe')
  t.notOk(mails.some(({ text }) => text.includes('janedoe')))
  await wait()
  await register('stranger5', 'jAne@example.com')
  t.match(mails.findLast(({ to }) => to === email)?.text, 'janedoe')
  await query(
    url,
    "UPDATE mail_budgets SET expires_at = now() - interval '1 ms'; DELETE FROM one_time_tokens",
  )
  mails.length = 0
  await resend('janedoe')
  t.match(mails[0], { to: email, text: /janedoe/ }, 'the own link comes first')

  mails.length = 0
  await forget('JANe@example.com')
  await app.background.idle()
  t.match(mails.find(({ to }) => to === email)?.text, 'janedoe')
  for (const { to, text } of mails)
    for (const [, name] of text.matchAll(/^(\w+):$/gm))
      t.equal(name === 'janedoe' ? email : to, to, 'no link is sent to another spelling')
})

t.test('strangers with the same address cannot keep its owner from a confirmation', async (t) => {
  const { mails, register, wait, resend } = await start(t)
  await register('stranger')
  await register('janedoe')
  t.match(mails.at(-1), { to: email, text: /for the account janedoe\./ })

  await wait()
  const late = 'late@example.com'
  for (let i = 0; i < 6; i++) await register(`stranger${i}`, late)
  await register('latecomer', late)
  t.equal(mails.filter(({ to }) => to === late).length, 5, 'the budget of the address is used up')
  await wait()
  await register('stranger7', late)
  t.match(mails.at(-1)?.text, /latecomer:\n.*#/, 'the next mail has links for accounts that have none')
  await wait()
  t.equal((await resend('latecomer', late)).statusCode, 200)
  t.match(mails.at(-1), { to: late, text: /for the account latecomer\./ })
})

t.test('one user can send only a few mails to addresses of others', async (t) => {
  const { app, mails } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  for (let i = 0; i < 8; i++) {
    const body = { email: `other${i}@example.com`, password: 'secret' }
    t.equal((await as(app, token).patch('/users/me/', body)).statusCode, 200)
  }
  t.equal(mails.filter(({ to }) => to.startsWith('other')).length, 5)
})

t.test('no row reveals which addresses were requested', async (t) => {
  const { url, app, forget } = await start(t)
  await forget('somebody@elsewhere.example')
  await app.background.idle()
  const rows = await query(url, 'SELECT encode(key, $1) AS key FROM mail_budgets', ['escape'])
  t.equal(rows.length, 2, 'one for the address, one for the network')
  t.notMatch(JSON.stringify(rows), 'elsewhere')
})

t.test('a reset request is answered before anything is looked up', async (t) => {
  const { url, app, mails, forget } = await start(t)
  await app.openKeys()
  const holder = await beginTransaction(t, url, 'LOCK TABLE users, events, one_time_tokens')
  for (const address of ['johndoe@example.com', 'nobody@example.com']) await forget(address)
  t.same(mails, [])
  await holder.query('COMMIT')
  await app.background.idle()
  t.match(mails, [{ to: 'johndoe@example.com' }])
})

t.test('known and unknown addresses cause the same statements, except for the link', async (t) => {
  // Captured before the service connects, because a connection keeps the method that it started with.
  const sent = t.capture(pg.Client.prototype, 'query', pg.Client.prototype.query as never)
  const { app, forget } = await start(t)
  const statementsOf = async (address: string) => {
    sent()
    await forget(address)
    await app.background.idle()
    const calls = sent() as unknown as { args: [string | { text: string }] }[]
    const texts = calls.map(({ args: [statement] }) =>
      typeof statement === 'string' ? statement : statement.text,
    )
    // Leaves out the periodic work of the service.
    return texts.filter((text) => /INSERT INTO (events|mail_budgets|one_time_tokens)|email_key/.test(text))
  }
  const unknown = await statementsOf('nobody@example.com')
  const known = await statementsOf('johndoe@example.com')
  t.equal(unknown.length, 4)
  t.same(
    known.filter((text) => !text.includes('INSERT INTO one_time_tokens')),
    unknown,
  )
})

t.test('a registration waits for no failed one, and responds before it is recorded', async (t) => {
  const { url, app, post } = await start(t)
  await post('/users/', { username: 'johndoe', password })
  await app.background.idle()
  const holder = await beginTransaction(
    t,
    url,
    "SELECT FROM events WHERE action = 'user_registered' AND outcome = 'failed' FOR UPDATE",
  )
  for (const username of ['johndoe', 'janedoe', 'johndoe'])
    t.equal((await post('/users/', { username, password, email })).statusCode, 202, username)
  t.ok(await logIn(app, 'janedoe', password), 'the account exists at once')
  await holder.query('COMMIT')
  await app.background.idle()
  t.match(await query(url, "SELECT count FROM events WHERE outcome = 'failed'"), [{ count: 3 }])
})

t.test('a registration writes to the WAL whether or not the username is taken', async (t) => {
  const { url, post } = await start(t)
  const position = async () => {
    const [row] = await query<{ lsn: string }>(url, 'SELECT pg_current_wal_lsn() AS lsn')
    return row?.lsn
  }
  const holder = await beginTransaction(t, url, 'LOCK TABLE events')
  const before = await position()
  t.equal((await post('/users/', { username: 'johndoe', password })).statusCode, 202)
  t.not(await position(), before)
  await holder.query('COMMIT')
})

t.test('no mail is sent about a user who was deleted meanwhile', async (t) => {
  const { url, app, mails, post } = await start(t)
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  app.background.run('an earlier task', 'someone', () => opened)
  t.equal((await post('/users/', { username: 'janedoe', password, email })).statusCode, 202)
  await query(url, "DELETE FROM users WHERE username = 'janedoe'")
  open()
  await app.background.idle()
  t.same(mails, [])
})

t.test('a confirmed address is notified of changes within a budget', async (t) => {
  const { app, mails, wait } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const countNotified = async () => {
    mails.length = 0
    for (let i = 0; i < 6; i++) {
      const body = { email: `other${i}@example.com`, password: 'secret' }
      t.equal((await as(app, token).patch('/users/me/', body)).statusCode, 200)
    }
    return mails.filter(({ to }) => to === 'johndoe@example.com').length
  }
  t.equal(await countNotified(), 3)
  await wait()
  t.equal(await countNotified(), 3)
  await as(app, token).patch('/users/me/', { email: null, password: 'secret' })
  t.match(mails.at(-1), { to: 'johndoe@example.com', subject: 'Your e-mail address was removed' })
})

for (const [path, body] of [
  ['/account/forgot-password', { email: 'nobody@example.com' }],
  ['/users/', { username: 'johndoe', password }],
] as const)
  t.test(`too many requests to ${path} are refused for one network only`, async (t) => {
    const { url, app, wait } = await start(t)
    const send = async (remoteAddress: string) =>
      app.inject({ method: 'POST', url: path, payload: body, remoteAddress })
    await send('192.0.2.1')
    await query(url, 'UPDATE mail_budgets SET sent = 300')
    const refused = await send('192.0.2.1')
    t.equal(refused.statusCode, 429)
    t.equal(refused.headers['retry-after'], '60')
    t.equal((await send('192.0.2.2')).statusCode, 202)
    t.equal((await send('2001:db8::1')).statusCode, 202)
    await wait()
    t.equal((await send('192.0.2.1')).statusCode, 202)
    await app.background.idle()
  })
