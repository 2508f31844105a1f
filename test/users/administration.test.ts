import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

interface Managed {
  username: string
  email_verified: boolean | null
}

/** Starts the service with johndoe as an administrator. */
async function start(t: Test, settings: Record<string, string> = {}) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, settings, url)
  const made = await runCommand(url, ['users', 'set-scopes', 'johndoe', '--scope', 'users:admin'])
  t.match(made, { status: 0, stdout: 'johndoe has users:admin.\n' })
  return { url, app, token: await logIn(app, 'johndoe', 'secret', 'me users:admin') }
}

async function addUsers(app: FastifyInstance, ...usernames: string[]) {
  for (const username of usernames)
    await as(app, null).post('/users/', { username, password: 'correct horse' })
}

t.test('users are listed in pages and filtered by name and state', async (t) => {
  const { app, token } = await start(t)
  await addUsers(app, 'anna', 'an_na', 'bert', 'carl')
  const names = async (url: string) => {
    const found: string[] = []
    for (let next: string | undefined = url; next; ) {
      const response = await as(app, token).get(next)
      t.equal(response.statusCode, 200)
      found.push(...response.json<Managed[]>().map(({ username }) => username))
      next = /<(.*)>; rel="next"/.exec(String(response.headers.link ?? ''))?.[1]
    }
    return found
  }
  const all = await names('/users/')
  t.same([...all].sort(), ['alice', 'an_na', 'anna', 'bert', 'carl', 'johndoe'])
  t.same(await names('/users/?limit=1'), all)
  t.same(await names('/users/?limit=4'), all)
  t.same(await names('/users/?name_prefix=an_'), ['an_na'])
  t.same(await names('/users/?state=disabled'), ['alice'])
  t.same((await names('/users/?state=enabled')).length, 5)
  t.same(await names('/users/?name_prefix=%25'), [])
  for (const query of [
    'limit=0',
    'limit=201',
    'limit=x',
    'cursor=x',
    'state=gone',
    'name_prefix=%00',
    'name_prefix=',
  ])
    t.equal((await as(app, token).get(`/users/?${query}`)).statusCode, 422, query)
})

t.test('an administrator reads, changes and deletes a user', async (t) => {
  const { app, token } = await start(t)
  await addUsers(app, 'anna')
  const anna = await logIn(app, 'anna', 'correct horse')
  const read = await as(app, token).get('/users/anna/')
  t.match(read.json(), {
    username: 'anna',
    full_name: null,
    disabled: false,
    password_change_required: false,
    scopes: [],
  })
  t.equal(read.json<Managed>().email_verified, null)
  t.notMatch(read.body, /"email"|hash/)

  const change = (body: object) => as(app, token).patch('/users/anna/', body)
  t.match((await change({ disabled: true })).json(), { disabled: true })
  t.match((await as(app, anna).get('/users/me/')).json(), { detail: 'Inactive user' })
  t.match((await change({ disabled: false })).json(), { disabled: false })
  t.equal((await as(app, anna).get('/users/me/')).statusCode, 401, 'tokens from before stay revoked')
  for (const body of [
    { scopes: ['root'] },
    { scopes: 'users:admin' },
    { username: 'x' },
    { disabled: 'yes' },
    { hashed_password: 'x' },
  ])
    t.equal((await change(body)).statusCode, 422, JSON.stringify(body))
  for (const [method, url] of [
    ['PUT', '/users/bertha/'],
    ['PUT', '/users/anna/password'],
    ['DELETE', '/users/anna/'],
  ] as const) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const response = await app.inject({ method, url, headers, payload: 'null' })
    t.equal(response.statusCode, 422, `${method} ${url}: null is not an omitted body`)
  }
  t.equal((await as(app, token).delete('/users/anna/')).statusCode, 204)
  for (const method of ['GET', 'DELETE'] as const)
    for (const name of ['anna', 'a%2Fb', '...'])
      t.equal((await as(app, token).send(method, `/users/${name}/`)).statusCode, 404, name)
  t.equal((await as(app, token).patch('/users/anna/', {})).statusCode, 404)
})

t.test('a user who must change their password can do nothing else', async (t) => {
  const { app, token } = await start(t)
  await addUsers(app, 'anna')
  await as(app, token).patch('/users/anna/', { password_change_required: true })
  const anna = await logIn(app, 'anna', 'correct horse')
  for (const url of ['/users/me/', '/users/me/items/']) {
    const response = await as(app, anna).get(url)
    t.equal(response.statusCode, 403)
    t.same(response.json(), { detail: 'A new password is required' })
  }
  const body = { old_password: 'correct horse', new_password: 'battery staple' }
  t.equal((await as(app, anna).put('/users/me/password', body)).statusCode, 204)
  t.equal((await as(app, await logIn(app, 'anna', 'battery staple')).get('/users/me/')).statusCode, 200)
})

t.test('scopes are granted to new tokens, and withdrawn from all tokens at once', async (t) => {
  const { app, token } = await start(t)
  await addUsers(app, 'anna')
  const before = await logIn(app, 'anna', 'correct horse')
  t.equal((await as(app, before).get('/users/')).statusCode, 403)
  await as(app, token).patch('/users/anna/', { scopes: ['users:admin', 'items:admin'] })
  t.equal((await as(app, before).get('/users/')).statusCode, 403, 'the token was issued without the scope')
  const anna = await logIn(app, 'anna', 'correct horse', 'users:admin')
  t.match((await as(app, anna).patch('/users/johndoe/', { scopes: [] })).json(), { scopes: [] })
  t.equal((await as(app, token).get('/users/')).statusCode, 403)
})

t.test('the last administrator cannot be removed by any means', async (t) => {
  const { url, app, token } = await start(t)
  for (const [method, path, body] of [
    ['PATCH', '/users/johndoe/', { disabled: true }],
    ['PATCH', '/users/johndoe/', { scopes: ['items:admin'] }],
    ['DELETE', '/users/johndoe/', { password: 'secret' }],
    ['DELETE', '/users/me/', { password: 'secret' }],
  ] as const) {
    const response = await as(app, token).send(method, path, body)
    t.equal(response.statusCode, 409)
    t.same(response.json(), {
      detail: 'The last administrator cannot be removed',
      code: 'last_administrator',
    })
  }
  for (const args of [
    ['set-scopes', 'johndoe', '--scope', ''],
    ['disable', 'johndoe'],
    ['delete', 'johndoe', '--yes'],
  ])
    t.match(await runCommand(url, ['users', ...args]), {
      status: 4,
      stderr: /the last administrator cannot be removed/,
    })

  await addUsers(app, 'anna')
  await as(app, token).patch('/users/anna/', { scopes: ['users:admin'] })
  const anna = await logIn(app, 'anna', 'correct horse', 'users:admin')
  const answers = await Promise.all([
    as(app, token).delete('/users/anna/'),
    as(app, anna).delete('/users/johndoe/'),
  ])
  t.equal(
    answers.filter(({ statusCode }) => statusCode === 204).length,
    1,
    'two administrators cannot remove each other',
  )
})

t.test('an invitation from an administrator lets a user register', async (t) => {
  const { app, token } = await start(t, { REGISTRATION: 'invitation' })
  const response = await as(app, token).post('/invitations/')
  t.equal(response.statusCode, 201)
  const { invitation } = response.json<{ invitation: string }>()
  const body = { username: 'janedoe', password: 'correct horse', invitation }
  await as(app, null).post('/users/', body)
  t.ok(await logIn(app, 'janedoe', 'correct horse'))
})

t.test('an administrator must give the password to delete their own account', async (t) => {
  const { app, url, token } = await start(t)
  await runCommand(url, ['users', 'set-scopes', 'alice', '--scope', 'users:admin'])
  await runCommand(url, ['users', 'enable', 'alice'])
  const remove = (body?: object) => as(app, token).delete('/users/johndoe/', body)
  for (const body of [undefined, {}]) {
    const missing = await remove(body)
    t.equal(missing.statusCode, 422)
    t.match(missing.json(), { detail: [{ type: 'missing', loc: ['body', 'password'] }] })
  }
  for (const body of [{ password: 7 }, { secret: 'secret' }, []])
    t.equal((await remove(body)).statusCode, 422, JSON.stringify(body))
  const wrong = await remove({ password: 'wrong' })
  t.equal(wrong.statusCode, 400)
  t.same(wrong.json(), { detail: 'Incorrect password', code: 'incorrect_password' })
  t.match(await app.database.event.findMany({ where: { action: 'user_deleted' } }), [
    { outcome: 'failed', actor: 'johndoe', subject: 'johndoe', count: 1 },
  ])
  t.equal((await remove({ password: 'secret' })).statusCode, 204)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 401)
})
