import t from 'tap'
import { boundValidators } from '../../src/http/validators.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'

interface Refusal {
  detail: { type: string; loc: string[] }[]
}

const members = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`m${i.toString(36)}`, 1]))

t.test('an input gets 20 complaints at most, and a short answer, however many it deserves', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  for (const [method, url, count] of [
    ['POST', '/users/', 800],
    ['POST', '/account/reset-password', 800],
    ['PATCH', '/users/me/', 800],
    ['POST', '/users/me/items/', 6_000],
    ['PUT', '/users/me/items/Foo', 6_000],
  ] as const) {
    const response = await as(app, token).send(method, url, members(count))
    t.equal(response.statusCode, 422, url)
    t.equal(response.json<Refusal>().detail.length, 20, url)
    t.ok(response.body.length < 2_500, `${response.body.length} characters`)
  }
  const lines = `${JSON.stringify(members(6_000))}\n${JSON.stringify(members(30))}`
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' }
  const imported = await app.inject({
    method: 'POST',
    url: '/users/me/items/import',
    headers,
    payload: lines,
  })
  t.equal(imported.json<Refusal>().detail.length, 40)
  t.equal(
    (await app.inject({ url: `/users/me/items/?${'a&'.repeat(7_000)}limit=x`, headers })).statusCode,
    422,
  )
})

t.test('a small input still gets all complaints at once, as clients know it', async (t) => {
  const app = await startApp(t)
  for (const form of [
    '',
    'a=1&'.repeat(3_000),
    Array.from({ length: 1_500 }, (_, i) => `f${i}=1`).join('&'),
  ]) {
    const { detail } = (await postToken(app, form)).json<Refusal>()
    t.same(
      detail.map(({ type, loc }) => [type, ...loc]),
      [
        ['missing', 'body', 'username'],
        ['missing', 'body', 'password'],
      ],
    )
  }
  const { detail } = (await as(app, null).post('/users/', { username: 'a\0', email: 3 })).json<Refusal>()
  t.ok(detail.length >= 3, JSON.stringify(detail))
})

t.test('a validator stops at the first complaint about a large input, also within lists', async (t) => {
  const schema = {
    type: 'object',
    properties: { a: { type: 'array', items: { type: 'string', maxLength: 1 } } },
  }
  const validate = boundValidators()({}, { customOptions: { strict: false } })({ schema })
  for (const [size, complaints] of [
    [1, 1],
    [10, 10],
    [63, 63],
    [64, 1],
    [100_000, 1],
  ] as const) {
    t.notOk(validate({ a: Array(size).fill('xx') }))
    t.equal(validate.errors?.length, complaints, `${size} elements`)
  }
  t.ok(validate({ a: ['x'] }))
  for (const value of [null, [], 'x']) t.notOk(validate(value))
})
