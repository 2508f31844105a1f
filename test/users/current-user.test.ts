import t from 'tap'
import { removeDepartedItems } from '../../src/items/departed-owners.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'

interface Login {
  access_token: string
  refresh_token: string
}

t.test('a user changes their display name', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  for (const full_name of ['Jöhn 🚪 Doe', '', null]) {
    const response = await as(app, token).patch('/users/me/', { full_name })
    t.equal(response.statusCode, 200)
    t.same(response.json(), { username: 'johndoe', email: 'johndoe@example.com', full_name, disabled: false })
    t.same((await as(app, token).get('/users/me/')).json(), response.json())
  }
  for (const body of [
    { username: 'x' },
    { disabled: false },
    { scopes: ['users:admin'] },
    { hashed_password: 'x' },
    { id: 'x' },
    { full_name: 7 },
    { full_name: 'a\0' },
    { email: 'none' },
    { email: ['a@b.de'] },
  ]) {
    const response = await as(app, token).patch('/users/me/', body)
    t.equal(response.statusCode, 422, JSON.stringify(body))
  }
  t.match((await as(app, token).patch('/users/me/', {})).json(), { full_name: null })
})

t.test('a new password revokes all tokens', async (t) => {
  const app = await startApp(t)
  const first = (await postToken(app, { username: 'johndoe', password: 'secret' })).json<Login>()
  const second = await logIn(app, 'johndoe', 'secret')
  const change = (old_password: string, new_password: string) =>
    as(app, second).put('/users/me/password', { old_password, new_password })

  const wrong = await change('wrong', 'correct horse')
  t.equal(wrong.statusCode, 400)
  t.same(wrong.json(), { detail: 'Incorrect password', code: 'incorrect_password' })
  for (const password of ['short', 'password', 'JohnDoe@example.com', 'x'.repeat(73)]) {
    const refused = await change('secret', password)
    t.equal(refused.statusCode, 422, password)
    t.match(refused.json(), { detail: [{ loc: ['body', 'new_password'] }] })
  }
  t.equal((await change('secret', 'correct horse')).statusCode, 204)

  for (const token of [first.access_token, second])
    t.equal((await as(app, token).get('/users/me/')).statusCode, 401)
  const form = { grant_type: 'refresh_token', refresh_token: first.refresh_token }
  t.equal((await postToken(app, form)).statusCode, 400)
  t.equal((await postToken(app, { username: 'johndoe', password: 'secret' })).statusCode, 401)
  const token = await logIn(app, 'johndoe', 'correct horse')
  const body = { old_password: 'correct horse', new_password: 'correct horse' }
  t.equal(
    (await as(app, token).put('/users/me/password', body)).statusCode,
    422,
    'the new password must differ',
  )
})

t.test('one of two concurrent password changes succeeds', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const change = (new_password: string) =>
    as(app, token).put('/users/me/password', { old_password: 'secret', new_password })
  const statuses = (await Promise.all(['correct horse', 'battery staple'].map(change))).map(
    (r) => r.statusCode,
  )
  t.equal(statuses.filter((status) => status === 204).length, 1)
  t.ok(statuses.every((status) => [204, 400, 401, 409].includes(status)))
})

t.test('a user deletes their account with its items, and the username stays taken', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  t.equal((await as(app, token).delete('/users/me/')).statusCode, 422)
  t.equal((await as(app, token).delete('/users/me/', { password: 'wrong' })).statusCode, 400)
  t.equal(await app.database.item.count({ where: { itemId: 'Foo' } }), 1)
  const gone = await as(app, token).delete('/users/me/', { password: 'secret' })
  t.equal(gone.statusCode, 204)
  await removeDepartedItems(app.database)
  t.equal(await app.database.item.count({ where: { itemId: 'Foo' } }), 0)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 401)

  const again = { username: 'johndoe', password: 'correct horse' }
  t.equal((await as(app, null).post('/users/', again)).statusCode, 202)
  t.equal(
    (await postToken(app, again)).statusCode,
    401,
    'the response does not reveal that the username is taken',
  )
  t.equal(await app.database.user.count({ where: { username: 'johndoe' } }), 0)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 401)
})

t.test('a user inserted with an unclaimed former username starts at a later generation', async (t) => {
  const app = await startApp(t)
  const { database } = app
  const { id, hashedPassword } = await database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })
  await database.user.update({ where: { id }, data: { nameClaim: null } })
  await database.user.delete({ where: { id } })
  const { generation } = await database.user.create({ data: { username: 'johndoe', hashedPassword } })
  t.equal(generation, 1, 'tokens that were issued elsewhere are not valid for them')
})
