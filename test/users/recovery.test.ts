import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { cloneDatabase } from '../helpers/database.js'
import { tokenIn } from '../helpers/mail.js'
import { collectMails } from '../helpers/mails.js'
import { fc } from '../helpers/properties.js'
import { beginTransaction, cheapHash, untilWaiting } from '../helpers/replicas.js'
import { stretchWaits } from '../helpers/waits.js'

const confirmation = 'Confirm your e-mail address'
const reset = 'Set a new password'

/** Starts the service, and collects its mails in a list. */
async function start(t: Test, settings: Record<string, string> = {}) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, settings, url)
  const mails = collectMails(app)
  const post = (url: string, payload: object) => app.inject({ method: 'POST', url, payload })
  const patch = (token: string, body: object) => as(app, token).patch('/users/me/', body)
  /** Resets all mail budgets. */
  const resetBudgets = () => query(url, 'DELETE FROM mail_budgets')
  /** Returns those of the addresses that get a reset mail for the user. */
  const recoveryAddresses = async (username: string, addresses: readonly string[]) => {
    await resetBudgets()
    mails.length = 0
    for (const email of addresses) await post('/account/forgot-password', { email })
    await app.background.idle()
    return mails.filter((mail) => mail.subject === reset && mail.text.includes(username)).map(({ to }) => to)
  }
  return { url, app, mails, post, patch, resetBudgets, recoveryAddresses }
}

t.test('changing or removing an address requires the password, and notifies the confirmed one', async (t) => {
  const { app, mails, patch, recoveryAddresses } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const own = 'johndoe@example.com'
  for (const email of ['mallory@evil.example', 'JohnDoe@example.com', null]) {
    const missing = await patch(token, { email, full_name: 'Mallory' })
    t.equal(missing.statusCode, 422)
    t.match(missing.json(), { detail: [{ type: 'missing', loc: ['body', 'password'] }] })
    const wrong = await patch(token, { email, password: 'wrong', full_name: 'Mallory' })
    t.equal(wrong.statusCode, 400)
    t.same(wrong.json(), { detail: 'Incorrect password', code: 'incorrect_password' })
  }
  t.match((await patch(token, {})).json(), { email: own, full_name: 'John Doe' }, 'nothing was changed')
  t.same(mails, [])
  t.match(await app.database.event.findMany({ where: { action: 'email_changed' } }), [
    { outcome: 'failed', subject: 'johndoe', count: 3 },
  ])

  t.equal((await patch(token, { email: own })).statusCode, 200, 'the same address requires no password')
  t.equal((await patch(token, { email: own, password: 'secret' })).statusCode, 200)
  t.same(mails, [])

  await patch(token, { email: 'new@example.com', password: 'secret' })
  t.same(
    mails.map(({ to, subject }) => [to, subject]),
    [
      ['new@example.com', confirmation],
      [own, 'Your e-mail address was changed'],
    ],
  )
  t.same(await recoveryAddresses('johndoe', [own, 'new@example.com']), [own])

  mails.length = 0
  t.match(
    (await patch(token, { email: own, password: 'secret' })).json(),
    { email: own },
    'the change is taken back',
  )
  t.same(mails, [])
  t.same(
    await app.database.user.findUnique({ where: { username: 'johndoe' }, select: { pendingEmail: true } }),
    {
      pendingEmail: null,
    },
  )
  await patch(token, { email: null, password: 'secret' })
  t.match(mails, [{ to: own, subject: 'Your e-mail address was removed', text: /johndoe/ }])
  t.same(await recoveryAddresses('johndoe', [own, 'new@example.com']), [])
  await patch(token, { email: 'new@example.com', password: 'secret' })
  t.same(await recoveryAddresses('johndoe', [own, 'new@example.com']), [], 'it was never confirmed')
})

t.test('wrong passwords for a change of the address are rate-limited like logins', async (t) => {
  const { app, patch } = await start(t, { LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK: '3' })
  await stretchWaits(app.database)
  const token = await logIn(app, 'johndoe', 'secret')
  const statuses = []
  for (let i = 0; i < 5; i++)
    statuses.push((await patch(token, { email: null, password: `wrong ${i}` })).statusCode)
  t.same(statuses, [400, 400, 400, 400, 429])
})

t.test('an address cannot be changed with a password that is changed meanwhile', async (t) => {
  const { app, url, mails, patch } = await start(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const change = await beginTransaction(t, url)
  await change.query(`UPDATE users SET hashed_password = '${cheapHash}' WHERE username = 'johndoe'`)
  const patching = patch(token, { email: 'mallory@evil.example', password: 'secret' })
  await untilWaiting(url)
  await change.query('COMMIT')
  t.equal((await patching).statusCode, 401)
  t.same(mails, [])
})

t.test('an unconfirmed address recovers an account only if it came with the registration', async (t) => {
  const { app, url, post, patch, recoveryAddresses } = await start(t)
  const password = 'battery staple'
  const [first, second] = ['jane@example.com', 'jane@elsewhere.example']
  for (const [username, email] of [
    ['janedoe', first],
    ['jilldoe', undefined],
  ])
    await post('/users/', { username, password, ...(email && { email }) })
  t.same(await recoveryAddresses('janedoe', [first]), [first])

  const [jane, jill] = [await logIn(app, 'janedoe', password), await logIn(app, 'jilldoe', password)]
  await patch(jane, { email: second, password })
  await patch(jill, { email: 'jill@example.com', password })
  t.same(await recoveryAddresses('janedoe', [first, second]), [])
  t.same(await recoveryAddresses('jilldoe', ['jill@example.com']), [])
  await patch(jane, { email: first, password })
  t.same(await recoveryAddresses('janedoe', [first, second]), [], 'giving it again does not help')

  await query(url, "UPDATE users SET pending_email = 'sql@example.com' WHERE username = 'janedoe'")
  await query(
    url,
    "UPDATE users SET pending_email = NULL, email = 'sql@example.com' WHERE username = 'jilldoe'",
  )
  t.same(await recoveryAddresses('janedoe', ['sql@example.com']), [])
  t.same(
    await recoveryAddresses('jilldoe', ['sql@example.com']),
    ['sql@example.com'],
    'an operator confirmed it',
  )
})

t.test('giving the address again with the password sends another confirmation mail', async (t) => {
  const { mails, app, post, patch, resetBudgets } = await start(t)
  const [password, email] = ['battery staple', 'jane@example.com']
  await post('/users/', { username: 'janedoe', password, email })
  const token = await logIn(app, 'janedoe', password)
  await app.background.idle()
  await resetBudgets()
  await patch(token, { email })
  t.equal(mails.length, 1)
  await patch(token, { email, password })
  t.match(mails, [{ subject: confirmation }, { subject: confirmation, to: email }])
  t.equal(await app.database.event.count({ where: { action: 'email_changed' } }), 0)
})

/** Ways to recover an account from a thief who knows the password. */
const rescues: Record<string, (started: Awaited<ReturnType<typeof start>>) => Promise<unknown>> = {
  'a reset by mail': async ({ app, mails, post }) => {
    await post('/account/forgot-password', { email: 'johndoe@example.com' })
    await app.background.idle()
    const mail = mails.find(({ subject }) => subject === reset)
    const token = mail ? tokenIn(mail) : ''
    return post('/account/reset-password', { token, password: 'owner battery staple' })
  },
  'a change of the password': async ({ app }) =>
    as(app, await logIn(app, 'johndoe', 'secret')).put('/users/me/password', {
      old_password: 'secret',
      new_password: 'owner battery staple',
    }),
  'disabling and enabling the user': async ({ url }) => {
    for (const disabled of [true, false])
      await query(url, "UPDATE users SET disabled = $1 WHERE username = 'johndoe'", [disabled])
  },
  'a statement by the operator': ({ url }) =>
    query(url, "UPDATE users SET hashed_password = $1 WHERE username = 'johndoe'", [cheapHash]),
}

for (const [what, rescue] of Object.entries(rescues))
  for (const confirmed of ['johndoe@example.com', ...(what === 'a reset by mail' ? [] : [null])])
    t.test(
      `${what} undoes what a thief has started, ${confirmed ? 'with' : 'without'} a confirmed address`,
      async (t) => {
        const started = await start(t)
        const { url, app, mails, post, patch, resetBudgets, recoveryAddresses } = started
        const evil = 'mallory@evil.example'
        await query(url, "UPDATE users SET email = $1 WHERE username = 'johndoe'", [confirmed])
        await patch(await logIn(app, 'johndoe', 'secret'), { email: evil, password: 'secret' })
        await rescue(started)
        t.match(await query(url, "SELECT pending_email FROM users WHERE username = 'johndoe'"), [
          { pending_email: null },
        ])
        for (const [i, email] of [evil, evil.toUpperCase()].entries()) {
          await resetBudgets()
          await post('/users/', { username: `thief${i}`, email, password: 'battery staple' })
          await app.background.idle()
        }
        await followAll({ mails, post }, evil)
        const before = confirmed ? [confirmed] : []
        t.same(await recoveryAddresses('johndoe', [evil, 'johndoe@example.com']), before)
      },
    )

t.test('an account with a confirmed address gets a link only at its own request', async (t) => {
  const { app, mails, post, patch, url, resetBudgets } = await start(t)
  const email = 'john@new.example'
  await patch(await logIn(app, 'johndoe', 'secret'), { email, password: 'secret' })
  await query(url, 'DELETE FROM one_time_tokens')
  await resetBudgets()
  mails.length = 0
  await post('/users/', { username: 'stranger', email, password: 'battery staple' })
  await app.background.idle()
  t.match(mails, [{ to: email, text: /for the account stranger\./ }])
  await resetBudgets()
  await patch(await logIn(app, 'johndoe', 'secret'), { email, password: 'secret' })
  t.match(mails[1], { to: email, text: /johndoe/ })
})

t.test('the former confirmed address is notified of the new one', async (t) => {
  const { app, mails, post, patch } = await start(t)
  const email = 'john@new.example'
  await patch(await logIn(app, 'johndoe', 'secret'), { email, password: 'secret' })
  const mail = mails.find(({ to }) => to === email)
  mails.length = 0
  await post('/account/confirm-email', { token: mail ? tokenIn(mail) : '' })
  t.match(mails, [
    { to: 'johndoe@example.com', subject: 'Your e-mail address was replaced', text: /johndoe/ },
  ])
})

t.test('an address from the registration stays after it was used for a reset', async (t) => {
  const { app, mails, post, recoveryAddresses } = await start(t)
  const email = 'jane@example.com'
  await post('/users/', { username: 'janedoe', email, password: 'battery staple' })
  await app.background.idle()
  await post('/account/forgot-password', { email })
  await app.background.idle()
  const mail = mails.find(({ subject }) => subject === reset)
  const body = { token: mail ? tokenIn(mail) : '', password: 'correct horse' }
  t.equal((await post('/account/reset-password', body)).statusCode, 204)
  t.same(await recoveryAddresses('janedoe', [email]), [email])
})

/** Follows every link that was mailed to an address in any spelling. */
async function followAll(
  { mails, post }: Pick<Awaited<ReturnType<typeof start>>, 'mails' | 'post'>,
  address: string,
): Promise<void> {
  for (const { to, text } of mails.filter((mail) => mail.to.toLowerCase() === address))
    for (const [, link, token] of text.matchAll(/\/account\/(\S+)#(\S+)/g))
      await post(`/account/${link}`, { token, ...(link === 'reset-password' && { password: to }) })
}

t.test('no sequence of requests with only a token adds an address that can reset the password', async (t) => {
  const { app, mails, post, patch, url, recoveryAddresses, resetBudgets } = await start(t)
  const password = 'battery staple'
  const evil = ['mallory@evil.example', 'Mallory@evil.example']
  const owners = { johndoe: 'johndoe@example.com', janedoe: 'jane@example.com', jilldoe: 'jill@example.com' }
  const mailboxes = [...evil, ...Object.values(owners)]
  await post('/users/', { username: 'janedoe', password, email: owners.janedoe })
  await post('/users/', { username: 'jilldoe', password })
  const initial = await query<Record<string, unknown>>(
    url,
    'SELECT id, email, pending_email, pending_since_registration, full_name FROM users',
  )
  const passwords: Record<string, string> = { johndoe: 'secret', janedoe: password, jilldoe: password }
  const before: Record<string, string[]> = {}
  for (const username of Object.keys(owners)) before[username] = await recoveryAddresses(username, mailboxes)
  t.same(before, { johndoe: [owners.johndoe], janedoe: [owners.janedoe], jilldoe: [] })

  const address = fc.option(fc.constantFrom(...mailboxes))
  const wrong = fc.constantFrom('', 'wrong', 'mallory@evil.example')
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('patch' as const), email: address }) },
    fc.record({ kind: fc.constant('patch' as const), email: address, password: wrong }),
    fc.record({ kind: fc.constant('patch' as const), email: address, full_name: fc.constant('x') }),
    fc.record({ kind: fc.constant('password' as const), old_password: wrong }),
    fc.record({ kind: fc.constant('register' as const), email: fc.constantFrom(...mailboxes) }),
    fc.record({ kind: fc.constant('forgot' as const), email: fc.constantFrom(...mailboxes) }),
    fc.record({ kind: fc.constant('links' as const) }),
  )
  let registered = 0
  const takeStep = async (token: string, { kind, ...body }: { kind: string }) => {
    if (kind === 'patch') await patch(token, body)
    if (kind === 'password')
      await as(app, token).put('/users/me/password', { ...body, new_password: 'mallory s own' })
    if (kind === 'register') await post('/users/', { ...body, username: `mallory${registered++}`, password })
    if (kind === 'forgot') await post('/account/forgot-password', body)
    if (kind !== 'links') return
    await app.background.idle()
    await followAll({ mails, post }, 'mallory@evil.example')
  }
  const property = fc.asyncProperty(
    fc.constantFrom('johndoe', 'janedoe', 'jilldoe'),
    fc.array(step, { minLength: 1, maxLength: 8 }),
    async (username, steps) => {
      const token = await logIn(app, username, String(passwords[username]))
      await resetBudgets()
      for (const one of steps) await takeStep(token, one)
      await app.background.idle()
      const after = await recoveryAddresses(username, mailboxes)
      await query(url, "DELETE FROM users WHERE username LIKE 'mallory%'")
      for (const { id, ...columns } of initial) {
        const sets = Object.keys(columns).map((name, i) => `${name} = $${i + 2}`)
        await query(url, `UPDATE users SET ${sets} WHERE id = $1`, [id, ...Object.values(columns)])
        await query(url, 'UPDATE users SET pending_since_registration = $2 WHERE id = $1', [
          id,
          columns.pending_since_registration,
        ])
      }
      const added = after.filter((mailbox) => !before[username]?.includes(mailbox))
      if (added.length > 0) throw new Error(`${username} can be reset by ${added}`)
      const { statusCode } = await postToken(app, { username, password: String(passwords[username]) })
      if (statusCode !== 200) throw new Error(`${username} cannot log in any more`)
    },
  )
  await fc.assert(property, { numRuns: 15, endOnFailure: true })
  t.pass()
})
