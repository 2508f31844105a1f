import { readFileSync } from 'node:fs'
import bcrypt from 'bcrypt'
import t from 'tap'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'

/** Published samples of valid and invalid UTF-8. */
const cases = readFileSync('test/vectors/utf8tests.txt', 'utf8')
  .split('\n')
  .map((line) => /^([\d.]+):(valid|invalid)(?: hex)?:\s*([^:]+)/.exec(line))
  .filter((match) => match !== null)
  .map(([line, id, kind, bytes = '']) => ({
    id: String(id),
    isValid: kind === 'valid',
    bytes: line.includes(' hex:') ? Buffer.from(bytes.replaceAll(' ', ''), 'hex') : Buffer.from(bytes),
  }))
const invalid = cases.filter(({ isValid }) => !isValid)
const percentEncode = (bytes: Buffer) => bytes.toString('hex').replace(/../g, '%$&')

t.test('invalid UTF-8 is refused wherever JSON is read, and nothing is stored', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const before = (await as(app, token).get('/users/me/items/')).body
  t.ok(invalid.length > 100)
  for (const { id, bytes } of invalid)
    for (const [method, url, type, head, tail] of [
      ['POST', '/users/me/items/', 'application/json', '{"item_id":"utf8","title":"', '"}'],
      ['PATCH', '/users/me/items/Foo', 'application/merge-patch+json', '{"title":"', '"}'],
      ['POST', '/users/me/items/import', 'application/x-ndjson', '{"item_id":"utf8","title":"', '"}'],
    ] as const) {
      const response = await app.inject({
        method,
        url,
        headers: { authorization: `Bearer ${token}`, 'content-type': type },
        payload: Buffer.concat([Buffer.from(head), bytes, Buffer.from(tail)]),
      })
      t.match(response, { statusCode: 422, body: 'utf8_invalid' }, `${id} ${type}`)
    }
  t.equal((await as(app, token).get('/users/me/items/')).body, before)
})

t.test('invalid UTF-8 in a form, a path or a query is a client error, and signs nobody in', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  for (const { id, bytes } of invalid) {
    const written = percentEncode(bytes)
    const [logins, reads] = await Promise.all([
      Promise.all(
        [`username=johndoe&password=${written}`, `username=${written}&password=secret`].map((form) =>
          postToken(app, form),
        ),
      ),
      Promise.all(
        [`/users/me/items/${written}`, `/users/me/items/?cursor=${written}`].map((url) =>
          as(app, token).get(url),
        ),
      ),
    ])
    for (const { statusCode } of logins) t.equal(statusCode, 401, id)
    for (const { statusCode } of reads) t.match(statusCode, /^4/, id)
  }
})

t.test('valid UTF-8 comes back byte for byte, and NUL is refused', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  for (const { id, bytes } of cases.filter(({ isValid }) => isValid)) {
    const metadata = { text: bytes.toString() }
    const { statusCode } = await as(app, token).put('/users/me/items/utf8', { metadata })
    if (bytes.includes(0)) t.equal(statusCode, 422, id)
    else {
      t.match(statusCode, /^20[01]$/, id)
      const item = await as(app, token).get('/users/me/items/utf8')
      t.same(Buffer.from(item.json<{ metadata: typeof metadata }>().metadata.text), bytes, id)
    }
  }
})

t.test('a query that is not UTF-8 is refused by every route', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  for (const [query, status] of [
    ['title_contains=%ff', 422],
    ['title_contains=%ED%A0%80', 422],
    ['x%c3=1', 422],
    ['title_contains=%EF%BF%BD', 200],
    ['title_contains=%C3%A9', 200],
    ['title_contains=100%', 200],
    ['title_contains=%zz', 200],
  ] as const) {
    const response = await as(app, token).get(`/users/me/items/?${query}`)
    t.equal(response.statusCode, status, query)
    if (status === 422)
      t.match(response.json(), { detail: [{ type: 'utf8_invalid', loc: ['query'] }] }, query)
  }
  t.equal((await app.inject('/livez?%ff')).statusCode, 422)
})

t.test('a password that is not UTF-8 does not match one with replacement characters', async (t) => {
  const app = await startApp(t)
  await app.database.user.update({
    where: { username: 'johndoe' },
    data: { hashedPassword: bcrypt.hashSync('pa\ufffdss', 4) },
  })
  const logInWith = async (password: string) =>
    (await postToken(app, `username=johndoe&password=${password}`)).statusCode
  t.equal(await logInWith('pa%EF%BF%BDss'), 200)
  for (const password of ['pa%ffss', 'pa%edss', 'pa%ED%A0%80ss'])
    t.equal(await logInWith(password), 401, password)
  const raw = await app.inject({
    method: 'POST',
    url: '/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: Buffer.from('username=johndoe&password=pa\xffss', 'latin1'),
  })
  t.equal(raw.statusCode, 401)
})
