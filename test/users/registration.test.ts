import t from 'tap'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'
import { startMailServer } from '../helpers/mail.js'

const password = 'correct horse'

/** Settings that production requires. */
const production = {
  NODE_ENV: 'production',
  ISSUER: 'https://latchkey.example.com',
  DATABASE_URL: 'postgres://latchkey@db/latchkey',
  JWT_SECRET: 'q8Jp0Zs3tYv5xW7rN2kL4mB6hD1gF9cA',
  BCRYPT_COST: '10',
}

t.test('a registered user can log in and has the given profile', async (t) => {
  const app = await startApp(t)
  const given = { username: 'janedoe', password, full_name: 'Jane' }
  const response = await as(app, null).post('/users/', given)
  t.equal(response.statusCode, 202)
  const me = await as(app, await logIn(app, 'janedoe', password)).get('/users/me/')
  t.same(me.json(), { username: 'janedoe', email: null, full_name: 'Jane', disabled: false })
})

t.test('the response does not reveal that the username or the address is taken', async (t) => {
  const mail = await startMailServer(t)
  const app = await startApp(t, { SMTP_URL: mail.url })
  const register = (body: object) => as(app, null).post('/users/', { password, ...body })
  const fresh = await register({ username: 'janedoe', email: 'jane@example.com' })
  await mail.mailTo('jane@example.com', 'Confirm your e-mail address')
  const before = await app.database.user.count()
  for (const username of ['janedoe', 'JaneDoe', 'johndoe', 'аӏісе', 'АӀІСЕ', 'JOHNDOE']) {
    const taken = await register({ username, email: 'other@example.com' })
    t.equal(taken.statusCode, fresh.statusCode, username)
    t.equal(taken.body, fresh.body)
  }
  t.equal(await app.database.user.count(), before)
  t.equal(
    (await postToken(app, { username: 'johndoe', password })).statusCode,
    401,
    'the password is unchanged',
  )
  const squatter = await register({ username: 'squatter', email: 'JohnDoe@example.com' })
  t.equal(squatter.body, fresh.body)
  t.same(
    await app.database.user.findMany({
      where: { email: { not: null } },
      orderBy: { email: 'asc' },
      select: { email: true },
    }),
    [{ email: 'alice@example.com' }, { email: 'johndoe@example.com' }],
  )
})

t.test('one of several concurrent registrations of similar usernames succeeds', async (t) => {
  const app = await startApp(t)
  const names = ['ella', 'ELLA', 'еӏӏа', 'ЕӀӀА']
  const answers = await Promise.all(
    names.map((username, i) => as(app, null).post('/users/', { username, password: `${password} ${i}` })),
  )
  t.same(
    answers.map(({ statusCode }) => statusCode),
    [202, 202, 202, 202],
  )
  t.equal(await app.database.user.count(), 3)
})

t.test('invalid registrations are refused', async (t) => {
  const app = await startApp(t)
  const good = { username: 'janedoe', password }
  const before = await app.database.user.count()
  for (const body of [
    ...['me', 'ab', 'x'.repeat(65), 'admin', 'аdmin', 'a b c', 'a/b', 'nul\0', 'client:x', 7, null].map(
      (username) => ({
        ...good,
        username,
      }),
    ),
    ...['short', 'password', 'janedoe1'.slice(0, 7), 'x'.repeat(73), ['a'], 'janedoe@x.org'].map(
      (password) => ({
        ...good,
        email: 'janedoe@x.org',
        password,
      }),
    ),
    ...['no address', 'a@b\r\nBcc: c@d', 'a@b, c@d', '@', `${'x'.repeat(250)}@x.org`].map((email) => ({
      ...good,
      email,
    })),
    ...['disabled', 'scopes', 'id', 'hashed_password', 'email_verified', '__proto__x'].map((name) => ({
      ...good,
      [name]: true,
    })),
    { ...good, full_name: 'nul\0' },
    { ...good, full_name: 'x'.repeat(256) },
  ]) {
    const response = await as(app, null).post('/users/', body)
    t.equal(response.statusCode, 422, JSON.stringify(body))
    t.notMatch(response.body, /correct horse/)
  }
  t.equal(await app.database.user.count(), before)
})

t.test('registration can be closed, and is closed in production by default', async (t) => {
  for (const settings of [{ REGISTRATION: 'closed' }, { ...production }]) {
    const app = await startApp(t, settings)
    const response = await as(app, null).post('/users/', { username: 'janedoe', password })
    t.equal(response.statusCode, 403)
    t.same(response.json(), { detail: 'Registration is closed', code: 'registration_closed' })
  }
})

t.test('an invitation is valid for one registration', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { REGISTRATION: 'invitation' }, url)
  const register = (username: string, invitation?: string) =>
    as(app, null).post('/users/', { username, password, ...(invitation && { invitation }) })
  const invite = async () => {
    const { stdout } = await runCommand(url, ['users', 'invite', '--json'])
    return (JSON.parse(stdout) as { invitation: string }).invitation
  }
  const invitation = await invite()
  for (const bad of [undefined, 'x', `${invitation}x`])
    t.equal((await register('janedoe', bad)).statusCode, 403)
  t.equal((await register('johndoe', invitation)).statusCode, 202, 'a taken username does not use it up')
  const answers = await Promise.all(
    ['janedoe', 'jimdoe', 'jilldoe'].map((name) => register(name, invitation)),
  )
  t.same(answers.map(({ statusCode }) => statusCode).sort(), [202, 403, 403])
  t.equal((await register('joedoe', invitation)).statusCode, 403)
  t.equal(await app.database.user.count(), 3)

  const expired = await invite()
  await app.database.oneTimeToken.updateMany({ data: { expiresAt: new Date(0) } })
  t.equal((await register('joedoe', expired)).statusCode, 403)
})
