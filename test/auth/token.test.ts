import bcrypt from 'bcrypt'
import t from 'tap'
import { basic, postTo } from '../conformance/server.js'
import { logIn, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { runCommand } from '../helpers/command.js'
import { cloneDatabase } from '../helpers/database.js'

t.test('a login returns a token that caches must not store', async (t) => {
  const app = await startApp(t, { ACCESS_TOKEN_EXPIRE_MINUTES: '5' })
  const response = await postToken(app, { username: 'johndoe', password: 'secret' })
  t.equal(response.statusCode, 200)
  t.match(response.headers, { 'cache-control': 'no-store', pragma: 'no-cache' })
  t.match(response.json(), {
    access_token: /^[\w-]+\.[\w-]+\.[\w-]+$/,
    token_type: 'bearer',
    expires_in: 300,
  })
  t.match(response.json(), { scope: 'me items:read items:write', refresh_token: /^lkr_[\w-]{43}$/ })
  t.equal(Object.keys(response.json()).length, 5)
})

t.test('without JWT_SECRET', async (t) => {
  const app = await startApp(t, { JWT_SECRET: '' })
  const token = await logIn(app, 'johndoe', 'secret')
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200, 'tokens are signed by a key of the ring')

  const other = await startApp(t, { JWT_SECRET: '' })
  t.equal((await as(other, token).get('/users/me/')).statusCode, 401, 'only by a key of this database')
})

t.test('replicas that start at the same time on one database agree on its key', async (t) => {
  const url = await cloneDatabase(t)
  const [first, second] = await Promise.all([
    startApp(t, { JWT_SECRET: '' }, url),
    startApp(t, { JWT_SECRET: '' }, url),
  ])
  const token = await logIn(first, 'johndoe', 'secret')
  t.equal((await as(second, token).get('/users/me/')).statusCode, 200)
})

t.test('a login renews the hash when BCRYPT_COST has been raised', async (t) => {
  const app = await startApp(t, { BCRYPT_COST: '5' })
  const readHash = async () =>
    (await app.database.user.findUniqueOrThrow({ where: { username: 'johndoe' } })).hashedPassword
  await app.database.user.update({
    where: { username: 'johndoe' },
    data: { hashedPassword: await bcrypt.hash('secret', 4) },
  })
  const cheap = await readHash()

  await postToken(app, { username: 'johndoe', password: 'wrong' })
  t.equal(await readHash(), cheap, 'a wrong password renews nothing')
  await logIn(app, 'johndoe', 'secret')
  const renewed = await readHash()
  t.equal(bcrypt.getRounds(renewed), 5)
  t.ok(await bcrypt.compare('secret', renewed))
  await logIn(app, 'johndoe', 'secret')
  t.equal(await readHash(), renewed, 'a second call has no effect')
})

t.test('a user with an imported $2y$ hash can log in', async (t) => {
  const app = await startApp(t)
  const hashedPassword = (await bcrypt.hash('secret', 4)).replace('$2b$', '$2y$')
  await app.database.user.create({ data: { username: 'imported', hashedPassword } })
  t.match(await logIn(app, 'imported', 'secret'), /^ey/)
})

const missingBoth = {
  detail: ['username', 'password'].map((name) => ({
    type: 'missing',
    loc: ['body', name],
    msg: 'Field required',
    input: null,
  })),
}
const tooLarge = {
  detail: 'Payload Too Large',
  error: 'invalid_request',
  error_description: 'Payload Too Large',
}
const incorrect = { detail: 'Incorrect username or password' }
const form = 'application/x-www-form-urlencoded'

t.test('invalid input gets a 4xx and is logged at debug only', async (t) => {
  const app = await startApp(t)
  for (const { name, body = '', type = form, status, json } of [
    {
      name: 'no content type',
      type: '',
      body: 'username=johndoe&password=secret',
      status: 422,
      json: missingBoth,
    },
    {
      name: 'a malformed content type',
      type: ';;;',
      body: 'username=johndoe',
      status: 422,
      json: missingBoth,
    },
    {
      name: 'another type that begins like a form',
      type: `${form}x`,
      body: 'username=johndoe',
      status: 422,
      json: missingBoth,
    },
    { name: 'malformed JSON', type: 'application/json', body: '{', status: 422, json: missingBoth },
    {
      name: 'upper-case content type',
      type: form.toUpperCase(),
      body: 'username=a&password=b',
      status: 401,
      json: incorrect,
    },
    { name: 'NUL in the name', body: 'username=%00&password=secret', status: 401, json: incorrect },
    {
      name: 'NUL in the password',
      body: 'username=johndoe&password=secret%00',
      status: 401,
      json: incorrect,
    },
    { name: 'a name that is not UTF-8', body: 'username=%ff&password=secret', status: 401, json: incorrect },
    {
      name: 'half a surrogate pair',
      body: 'username=%ED%A0%80&password=secret',
      status: 401,
      json: incorrect,
    },
    { name: 'broken percent-encoding', body: 'username=%&password=%zz', status: 401, json: incorrect },
    {
      name: 'a name of 16,000 characters',
      body: `username=${'a'.repeat(16_000)}&password=x`,
      status: 401,
      json: incorrect,
    },
    {
      name: 'an empty parameter beside a full one',
      body: 'username=&username=johndoe&password=secret',
      status: 400,
      json: { detail: 'A parameter is repeated' },
    },
    { name: 'an empty parameter twice', body: 'scope=&scope=&username=johndoe&password=secret', status: 400 },
    {
      name: 'a password that is not UTF-8',
      body: 'username=johndoe&password=%ff',
      status: 401,
      json: incorrect,
    },
    { name: 'an unknown field that is not UTF-8', body: 'x%ff=y', status: 400 },
    {
      name: 'a name that is not UTF-8, for OAuth',
      body: 'grant_type=password&username=%ff&password=secret',
      status: 400,
      json: {
        detail: 'A required parameter is missing or malformed',
        error: 'invalid_request',
        error_description: 'A required parameter is missing or malformed',
      },
    },
    { name: 'a parameter of Object.prototype', body: 'grant_type=constructor', status: 400 },
    { name: 'a grant type sent twice', body: 'grant_type=password&grant_type=password', status: 400 },
    {
      name: 'a body over 16 KB',
      body: `username=${'a'.repeat(16_384)}`,
      status: 413,
      json: tooLarge,
    },
    {
      name: '20,000 fields',
      body: 'a=1&'.repeat(20_000),
      status: 413,
      json: tooLarge,
    },
    { name: '4,000 fields', body: 'a=1&'.repeat(4_000), status: 422, json: missingBoth },
  ] as { name: string; body?: string; type?: string; status: number; json?: object }[]) {
    const response = await postToken(app, body, { 'content-type': type })
    t.equal(response.statusCode, status, name)
    if (json) t.same(response.json(), json, name)
  }
})

t.test('a request with a grant type gets the OAuth error members too', async (t) => {
  const app = await startApp(t)
  for (const [body, status, error] of [
    ['grant_type=password&username=johndoe&password=wrong', 401, 'invalid_grant'],
    ['grant_type=password&username=johndoe', 422, 'invalid_request'],
    ['grant_type=password&username=a&username=b&password=c', 400, 'invalid_request'],
    ['grant_type=refresh_token', 400, 'invalid_request'],
    ['grant_type=authorization_code', 400, 'unsupported_grant_type'],
  ] as const) {
    const response = await postToken(app, body)
    t.equal(response.statusCode, status, body)
    t.match(response.json(), { error, error_description: /\w/ }, body)
  }
  t.same(
    (await postToken(app, 'username=johndoe&password=wrong')).json(),
    incorrect,
    'no other request gets them',
  )
})

t.test('a token of maximum scope fits into every place that it is sent in', async (t) => {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET: '' }, url)
  const largest = ['items:read', ...Array.from({ length: 15 }, (_, i) => `${i + 10}`.padEnd(255, 'y'))]
  largest.push('z'.repeat(4_096 - largest.join(' ').length - 1))
  t.equal(largest.join(' ').length, 4_096)
  const create = ['clients', 'create', 'large', '--name', 'Large', '--json', '--scope', largest.join(' ')]
  const { stdout } = await runCommand(url, create)
  const { client_secret: secret } = JSON.parse(stdout) as { client_secret: string }
  const form = { grant_type: 'client_credentials' }
  const response = await postToken(app, form, basic('large', secret))
  const { access_token: token } = response.json<{ access_token: string }>()
  t.ok(token.length < 8_000, `${token.length} bytes`)
  t.equal((await as(app, token).get('/users/johndoe/items/')).statusCode, 200)
  const introspect = async () =>
    (await postTo(app, '/introspect', { token }, basic('large', secret))).json<object>()
  t.match(await introspect(), { active: true, scope: largest.join(' ') })
  t.equal((await postTo(app, '/revoke', { token }, basic('large', secret))).statusCode, 200)
  t.same(await introspect(), { active: false })

  await storeClient(app.database, 'larger', secret, [...largest, 'one:more'])
  const larger = async (more = {}) => postToken(app, { ...form, ...more }, basic('larger', secret))
  t.equal((await larger()).json<{ error: string }>().error, 'invalid_scope', 'beyond the limit')
  t.equal((await larger({ scope: 'one:more' })).statusCode, 200, 'a smaller scope is granted')
})
