import t from 'tap'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

interface Created {
  password: string
}

const url = await cloneDatabase(t)
const directory = t.testdir()
const app = await startApp(t, { REGISTRATION: 'closed', DATA_DIRECTORY: directory }, url)
await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin'])
const admin = as(app, await logIn(app, 'johndoe', 'secret', 'me users:admin'))
const create = (username: string, body?: object) => admin.put(`/users/${username}/`, body)
const forced = { detail: 'A new password is required' }

t.test('an administrator creates a user, whose generated password must be changed', async (t) => {
  const response = await create('anna')
  t.equal(response.statusCode, 201)
  const { password, ...user } = response.json<Created>()
  t.match(password, /^[\w-]{20}$/)
  t.match(user, {
    username: 'anna',
    email_verified: null,
    full_name: null,
    disabled: false,
    password_change_required: true,
    scopes: [],
  })
  t.same((await admin.get('/users/anna/')).json(), user, 'the password is shown once')
  const login = (await postToken(app, { username: 'anna', password })).json<{ access_token: string }>()
  t.notOk('refresh_token' in login)
  const anna = as(app, login.access_token)
  for (const path of ['/users/me/', '/users/me/items/', '/users/me/events/']) {
    const refused = await anna.get(path)
    t.equal(refused.statusCode, 403)
    t.match(refused.json(), forced)
  }
  const change = { old_password: password, new_password: 'battery staple' }
  t.equal((await anna.put('/users/me/password', change)).statusCode, 204)
  t.equal((await as(app, await logIn(app, 'anna', 'battery staple')).get('/users/me/')).statusCode, 200)
})

t.test('the first password may be given, and left to the user', async (t) => {
  const body = { password: 'correct horse', password_change_required: false, full_name: 'Bert' }
  const response = await create('bert', body)
  t.match(response.json(), { password: null, password_change_required: false, full_name: 'Bert' })
  t.equal((await as(app, await logIn(app, 'bert', 'correct horse')).get('/users/me/')).statusCode, 200)
  t.match((await create('dora', { disabled: true })).json(), { disabled: true })
})

t.test('an address is verified by a link, unless the administrator vouches for it', async (t) => {
  t.match((await create('carl', { email: 'carl@example.com' })).json(), { email_verified: false })
  await app.background.idle()
  const mails = await app.database.oneTimeToken.findMany({ where: { purpose: 'confirm_email' } })
  t.match(mails, [{ email: 'carl@example.com' }])
  const vouched = await create('carla', { email: 'carla@example.com', email_verified: true })
  t.match(vouched.json(), { email_verified: true })
  t.equal((await create('other', { email: 'CARLA@example.com', email_verified: true })).statusCode, 409)
  const missing = await create('other', { email_verified: true })
  t.match(missing.json(), { detail: [{ type: 'missing', loc: ['body', 'email'] }] })
})

t.test('the rules of a registration apply, and no user is replaced', async (t) => {
  for (const name of ['anna', 'johndoe', 'JOHNDOE']) {
    const taken = await create(name)
    t.equal(taken.statusCode, 409, name)
    t.same(taken.json(), {
      detail: 'The username, one that looks like it, or the e-mail address is taken',
      code: 'user_exists',
    })
  }
  for (const name of ['admin', 'a b', 'client:x', 'xn--а', 'a'.repeat(65)]) {
    const refused = await create(encodeURIComponent(name))
    t.equal(refused.statusCode, 422, name)
    t.match(refused.json(), { detail: [{ loc: ['path', 'username'] }] })
  }
  for (const body of [
    { password: 'short' },
    { password: 'password1' },
    { password: 'newname' },
    { email: 'x' },
    { full_name: 'a\nb' },
    { scopes: [] },
    { hashed_password: 'x' },
  ])
    t.equal((await create('newname', body)).statusCode, 422, JSON.stringify(body))
})

t.test('an administrator sets the password of another user, which ends their logins', async (t) => {
  const assign = (username: string, body?: object) => admin.put(`/users/${username}/password`, body)
  await create('ella', { password: 'correct horse', password_change_required: false })
  const before = await logIn(app, 'ella', 'correct horse')
  const { password } = (await assign('ella')).json<Created>()
  t.equal((await as(app, before).get('/users/me/')).statusCode, 401)
  t.same((await as(app, await logIn(app, 'ella', password)).get('/users/me/')).json(), forced)
  t.same((await assign('ella', { password: 'battery staple' })).json(), { password: null })
  t.ok(await logIn(app, 'ella', 'battery staple'))
  t.match(await app.database.event.findMany({ where: { action: 'password_changed', subject: 'ella' } }), [
    { actor: 'johndoe' },
    { actor: 'johndoe' },
  ])
  t.equal((await assign('ella', { password: 'ella' })).statusCode, 422)
  t.equal((await assign('nobody')).statusCode, 404)
  const own = await assign('johndoe')
  t.equal(own.statusCode, 403)
  t.same(own.json(), { detail: 'Change your own password with PUT /users/me/password', code: 'own_password' })
})
