import t, { type Test } from 'tap'
import { query } from '../database/query.js'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { cloneDatabase } from '../helpers/database.js'
import { tokenIn } from '../helpers/mail.js'
import { collectMails } from '../helpers/mails.js'
import { beginTransaction, cheapHash, untilWaiting } from '../helpers/replicas.js'

const password = 'correct horse'
const own = 'johndoe@example.com'
const next = 'john@new.example'

/** Starts the service with a link for johndoe, whose password is `secret`. */
async function start(t: Test, purpose: 'reset-password' | 'confirm-email') {
  const url = await cloneDatabase(t)
  const app = await startApp(t, {}, url)
  const mails = collectMails(app)
  const post = (path: string, payload: object) =>
    app.inject({ method: 'POST', url: `/account/${path}`, payload })
  const token = await logIn(app, 'johndoe', 'secret')
  const patch = (email: string | null) => as(app, token).patch('/users/me/', { email, password: 'secret' })
  if (purpose === 'reset-password') await post('forgot-password', { email: own })
  else await patch(next)
  await app.background.idle()
  const [mail] = mails
  const link = mail ? tokenIn(mail) : ''
  const check = (of = purpose.replace('-', '_')) => post('check-link', { token: link, purpose: of })
  const follow = () =>
    post(purpose, { token: link, ...(purpose === 'reset-password' && { password: 'battery staple' }) })
  return { url, app, mails, token, post, patch, check, follow }
}

type Started = Awaited<ReturnType<typeof start>>

const changePassword = ({ app, token }: Started) =>
  as(app, token).put('/users/me/password', { old_password: 'secret', new_password: password })
const update =
  (set: string) =>
  ({ url }: Started) =>
    query(url, `UPDATE users SET ${set} WHERE username = 'johndoe'`)

async function confirmAnother({ mails, patch, post }: Started) {
  mails.length = 0
  await patch('john@elsewhere.example')
  await post('confirm-email', { token: mails[0] ? tokenIn(mails[0]) : '' })
}

/** Events that invalidate links of both purposes. */
const endings: [what: string, end: (started: Started) => Promise<unknown>][] = [
  ['a change of the password', changePassword],
  ['a password set by an operator', update(`hashed_password = '${cheapHash}'`)],
  [
    'disabling and enabling the user',
    async (started) => {
      await update('disabled = true')(started)
      await update('disabled = false')(started)
    },
  ],
  ['the confirmation of another address', confirmAnother],
  ['the removal of the address', ({ patch }) => patch(null)],
  [
    'removing and restoring its address',
    async ({ url }) => {
      for (const set of ['email = NULL, pending_email = NULL', `email = '${own}', pending_email = '${next}'`])
        await query(url, `UPDATE users SET ${set} WHERE username = 'johndoe'`)
    },
  ],
  [
    'disabling the user without the trigger',
    ({ url }) =>
      query(
        url,
        `ALTER TABLE users DISABLE TRIGGER users_begin_generation;
         UPDATE users SET disabled = true WHERE username = 'johndoe'`,
      ),
  ],
  [
    'a change of both addresses by an operator',
    update("email = 'x@example.com', pending_email = 'y@example.com'"),
  ],
  ['the deletion of the user', ({ url }) => query(url, "DELETE FROM users WHERE username = 'johndoe'")],
  [
    'a row without a generation',
    ({ url }) => query(url, 'UPDATE one_time_tokens SET user_generation = NULL'),
  ],
  ['its expiry', ({ url }) => query(url, "UPDATE one_time_tokens SET expires_at = now() - interval '1 ms'")],
]

for (const purpose of ['reset-password', 'confirm-email'] as const) {
  for (const [what, end] of endings)
    t.test(`a link to ${purpose} does not survive ${what}`, async (t) => {
      const started = await start(t, purpose)
      await end(started)
      const { url } = started
      const before = await query(url, 'SELECT email, hashed_password FROM users ORDER BY id')
      t.equal((await started.check()).statusCode, 400)
      const { statusCode, body } = await started.follow()
      t.equal(statusCode, 400, body)
      t.same(await query(url, 'SELECT email, hashed_password FROM users ORDER BY id'), before)
    })

  t.test(`a link to ${purpose} that is followed during a change of the password is refused`, async (t) => {
    const { url, follow } = await start(t, purpose)
    const change = await beginTransaction(t, url)
    await change.query(`UPDATE users SET hashed_password = '${cheapHash}' WHERE username = 'johndoe'`)
    const following = follow()
    await untilWaiting(url)
    await change.query('COMMIT')
    t.equal((await following).statusCode, 400)
  })

  t.test(`a link to ${purpose} survives unrelated changes`, async (t) => {
    const started = await start(t, purpose)
    await update("full_name = 'John', rehashed_at = now()")(started)
    const { statusCode, body } = await started.check()
    t.equal(statusCode, 200)
    t.equal(body, '{"username":"johndoe"}')
    const other = purpose === 'reset-password' ? 'confirm_email' : 'reset_password'
    t.equal((await started.check(other)).statusCode, 400, 'it has one purpose')
    t.equal((await started.follow()).statusCode, 204)
    t.equal((await started.check()).statusCode, 400)
    t.equal((await started.follow()).statusCode, 400, 'it is valid once')
  })
}

t.test('a link stored by the previous version depends on the generation too', async (t) => {
  const url = await cloneDatabase(t)
  await query(url, "UPDATE users SET generation = 7 WHERE username = 'johndoe'")
  await query(
    url,
    `INSERT INTO one_time_tokens (fingerprint, purpose, user_id, email, expires_at)
     SELECT sha256('token'), 'reset_password', id, email, now() + interval '1 hour' FROM users
     WHERE username = 'johndoe'`,
  )
  t.same(await query(url, 'SELECT user_generation FROM one_time_tokens'), [{ user_generation: 7 }])
})

for (const [what, set] of [
  ['is disabled', 'disabled = true'],
  ['gets another password', `hashed_password = '${cheapHash}'`],
  ['gets another address', "email = 'x@example.com'"],
] as const)
  t.test(`no link is created for a user who ${what} while the address is looked up`, async (t) => {
    const { url, app, mails, post } = await start(t, 'reset-password')
    await query(url, 'DELETE FROM mail_budgets; DELETE FROM one_time_tokens')
    mails.length = 0
    const change = await beginTransaction(t, url, `UPDATE users SET ${set} WHERE username = 'johndoe'`)
    await post('forgot-password', { email: own })
    await untilWaiting(url)
    await change.query('COMMIT')
    await app.background.idle()
    t.same(mails, [])
    t.same(await query(url, 'SELECT FROM one_time_tokens'), [])
  })

/** Statements that invalidate the invitation of an administrator. */
const inviterEndings = [
  "UPDATE users SET disabled = true WHERE username = 'johndoe'",
  `UPDATE users SET hashed_password = '${cheapHash}' WHERE username = 'johndoe'`,
  "UPDATE users SET scopes = '{items:admin}' WHERE username = 'johndoe'",
  "UPDATE users SET scopes = '{}' WHERE username = 'johndoe'; UPDATE users SET scopes = '{users:admin}'",
  "UPDATE users SET password_change_required = true WHERE username = 'johndoe'",
  `UPDATE users SET password_change_required = true WHERE username = 'johndoe';
   UPDATE users SET password_change_required = false`,
  "DELETE FROM users WHERE username = 'johndoe'",
]

for (const ending of inviterEndings)
  t.test(`an invitation depends on the administrator who created it: ${ending}`, async (t) => {
    const url = await cloneDatabase(t)
    const app = await startApp(t, { REGISTRATION: 'invitation' }, url)
    await query(url, "UPDATE users SET scopes = '{users:admin}', disabled = false")
    const token = await logIn(app, 'johndoe', 'secret', 'users:admin')
    const invite = async () =>
      (await as(app, token).post('/invitations/')).json<{ invitation: string }>().invitation
    const [first, second] = [await invite(), await invite()]
    const register = (username: string, invitation: string) =>
      as(app, null).post('/users/', { username, password, invitation })
    t.equal((await register('janedoe', first)).statusCode, 202)
    await query(url, ending)
    t.equal((await register('jilldoe', second)).statusCode, 403)
  })

t.test('a user who loses the right to invite meanwhile gets no invitation', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { REGISTRATION: 'invitation' }, url)
  await query(url, "UPDATE users SET scopes = '{users:admin}', disabled = false")
  const token = await logIn(app, 'johndoe', 'secret', 'users:admin')
  for (const set of ["scopes = '{}'", 'password_change_required = true', 'disabled = true']) {
    const change = await beginTransaction(t, url, `UPDATE users SET ${set} WHERE username = 'johndoe'`)
    const inviting = as(app, token).post('/invitations/')
    await untilWaiting(url)
    await change.query('COMMIT')
    t.equal((await inviting).statusCode, 401, set)
    await query(
      url,
      "UPDATE users SET scopes = '{users:admin}', password_change_required = false WHERE username = 'johndoe'",
    )
  }
  t.same(await query(url, 'SELECT FROM one_time_tokens'), [])
})

t.test('an invitation permits at most five registrations, even concurrent ones', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { REGISTRATION: 'invitation' }, url)
  await query(url, "UPDATE users SET scopes = '{users:admin}' WHERE username = 'johndoe'")
  const admin = await logIn(app, 'johndoe', 'secret', 'users:admin')
  const { invitation } = (await as(app, admin).post('/invitations/')).json<{ invitation: string }>()
  const answers = await Promise.all(
    Array.from({ length: 12 }, () =>
      app.inject({ method: 'POST', url: '/users/', payload: { username: 'johndoe', password, invitation } }),
    ),
  )
  const statuses = answers.map(({ statusCode }) => statusCode).sort()
  t.same(statuses, [...Array(5).fill(202), ...Array(7).fill(403)])
  const free = await as(app, null).post('/users/', { username: 'janedoe', password, invitation })
  t.equal(free.statusCode, 403)
})
