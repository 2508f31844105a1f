import t, { type Test } from 'tap'
import { postToken } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'
import { asUser, basic, billing, reports, signIn, startIssuer, type Tokens } from './server.js'

const app = await startIssuer(t)
const credentials = { grant_type: 'client_credentials' }
const { client_id: id, client_secret: secret } = reports

interface OAuthError {
  detail: string
  error: string
  error_description: string
}

type Answer = Awaited<ReturnType<typeof postToken>>

/** Asserts an error response (RFC 6749 §5.2): status, JSON with the code and a text of allowed characters, no caching. */
function assertError(t: Test, response: Answer, status: number, code: string, what = code) {
  t.equal(response.statusCode, status, what)
  t.match(response.headers['content-type'], /^application\/json/)
  t.equal(response.headers['cache-control'], 'no-store')
  const { error, error_description } = response.json<OAuthError>()
  t.equal(error, code, what)
  t.match(error_description, /^[\x20-\x21\x23-\x5B\x5D-\x7E]+$/)
}

t.test('§2.3.1 a client authenticates by HTTP Basic or in the form', async (t) => {
  t.equal((await postToken(app, credentials, basic(id, secret))).statusCode, 200)
  t.equal((await postToken(app, { ...credentials, ...reports })).statusCode, 200)
  t.equal((await postToken(app, { ...credentials, client_id: id }, basic(id, secret))).statusCode, 200)
})

t.test('§2.3.1 id and secret are form-url-encoded in HTTP Basic, and plain in the form', async (t) => {
  const odd = 'a:b%20c+d é&='
  await storeClient(app.database, 'odd', odd)
  t.equal((await postToken(app, credentials, basic('odd', odd))).statusCode, 200)
  t.equal((await postToken(app, { ...credentials, client_id: 'odd', client_secret: odd })).statusCode, 200)
  const plain = { authorization: `Basic ${Buffer.from(`odd:${odd}`).toString('base64')}` }
  assertError(t, await postToken(app, credentials, plain), 401, 'invalid_client')
})

t.test('§2.3 more than one authentication method is refused', async (t) => {
  const response = await postToken(app, { ...credentials, ...reports }, basic(id, secret))
  assertError(t, response, 400, 'invalid_request')
  const other = await postToken(app, { ...credentials, client_id: 'billing' }, basic(id, secret))
  assertError(t, other, 400, 'invalid_request')
})

t.test('§3.2 the token endpoint accepts POST only', async (t) => {
  const response = await app.inject({ url: '/token?grant_type=client_credentials' })
  t.equal(response.statusCode, 405)
  t.equal(response.headers.allow, 'POST')
})

t.test(
  '§3.2 a parameter without a value is omitted, an unknown one ignored, a repeated one refused',
  async (t) => {
    const form = new URLSearchParams({ ...credentials, ...reports }).toString()
    t.equal((await postToken(app, `${form}&scope=&unknown=1&unknown=2`)).statusCode, 200)
    for (const name of [
      'grant_type=client_credentials',
      'scope=me&scope=me',
      'client_id=reports',
      'refresh_token=a&refresh_token=a',
    ])
      assertError(t, await postToken(app, `${form}&${name}`), 400, 'invalid_request', name)
  },
)

t.test('§3.2.1 a confidential client has to authenticate, whatever the grant', async (t) => {
  const { refresh_token } = await signIn(app)
  for (const form of [asUser, { grant_type: 'refresh_token', refresh_token }, credentials])
    assertError(t, await postToken(app, { ...form, client_id: id }), 401, 'invalid_client')
})

t.test('§3.3 a scope is granted in full or refused', async (t) => {
  const ask = (scope: string) => postToken(app, { ...credentials, ...reports, scope })
  const granted = (await ask('orders:read me')).json<Tokens>()
  t.equal(granted.scope, undefined, 'the requested scope is not repeated')
  for (const scope of ['unknown', 'me unknown', 'me  items:read', ' me', 'me"', 'ME', 'm\u00e9'])
    assertError(t, await ask(scope), 400, 'invalid_scope', scope)
})

t.test('§5.2 the description of a refused scope names what is not allowed', async (t) => {
  const describe = async (form: Record<string, string>) =>
    (await postToken(app, form)).json<{ error_description: string }>().error_description
  const named = 'The scope exceeds what is allowed:'
  t.equal(await describe({ ...credentials, ...reports, scope: 'me one two me one' }), `${named} one two`)
  t.equal(
    await describe({ ...asUser, scope: 'me items:admin users:admin' }),
    `${named} items:admin users:admin`,
  )
  const many = Array.from({ length: 50 }, (_, i) => `s${i}`)
  t.equal(
    await describe({ ...asUser, scope: many.join(' ') }),
    `${named} ${many.slice(0, 10).join(' ')}`,
    'the first ten',
  )
  t.match(await describe({ ...asUser, scope: 'me"' }), /malformed/)
  t.equal(await describe({ ...asUser, password: 'wrong', scope: 'one' }), 'Incorrect username or password')
})

t.test('§3.3 without a scope everything allowed is granted and reported', async (t) => {
  const response = await postToken(app, { ...credentials, ...reports })
  t.equal(response.json<Tokens>().scope, 'me items:read orders:read')
  t.equal(
    (await signIn(app)).scope,
    'me items:read',
    'for a user, what both the user and the client are allowed',
  )
})

t.test('§4.3.2 the password grant', async (t) => {
  const tokens = await signIn(app)
  t.match(tokens, { access_token: /^ey/, refresh_token: /^lkr_/, token_type: 'bearer', expires_in: 1800 })
})

t.test('§4.4.3 the client credentials grant issues no refresh token', async (t) => {
  const response = await postToken(app, { ...credentials, ...reports })
  t.notOk('refresh_token' in response.json<object>())
})

t.test('§4.4 client credentials are for confidential clients only', async (t) => {
  const data = { clientId: 'phone', name: 'Phone', confidential: false, grants: ['password'], scopes: ['me'] }
  await app.database.client.create({ data })
  const response = await postToken(app, { ...credentials, client_id: 'phone' })
  assertError(t, response, 400, 'unauthorized_client')
  assertError(t, await postToken(app, credentials), 401, 'invalid_client', 'no client')
})

t.test('§5.1 the response is JSON that must not be cached', async (t) => {
  const response = await postToken(app, { ...credentials, ...reports })
  t.match(response.headers, {
    'content-type': /^application\/json/,
    'cache-control': 'no-store',
    pragma: 'no-cache',
  })
})

t.test('§5.2 invalid_request: a parameter is missing', async (t) => {
  assertError(t, await postToken(app, { grant_type: 'refresh_token', ...reports }), 400, 'invalid_request')
})

t.test('§5.2 invalid_client: 401 with the authentication scheme', async (t) => {
  for (const headers of [
    basic(id, 'wrong'),
    basic('nobody', secret),
    basic(id, ''),
    { authorization: 'Basic !' },
  ]) {
    const response = await postToken(app, credentials, headers)
    assertError(t, response, 401, 'invalid_client', headers.authorization)
    t.match(response.headers['www-authenticate'], /^Basic realm="/)
  }
  await app.database.client.update({ where: { clientId: 'billing' }, data: { disabled: true } })
  assertError(t, await postToken(app, { ...credentials, ...billing }), 401, 'invalid_client', 'disabled')
  await app.database.client.update({ where: { clientId: 'billing' }, data: { disabled: false } })
})

t.test('§5.2 invalid_grant: the refresh token is unknown, or belongs to another client', async (t) => {
  const refresh = { grant_type: 'refresh_token', ...reports }
  assertError(t, await postToken(app, { ...refresh, refresh_token: 'unknown' }), 400, 'invalid_grant')
  const { refresh_token } = await signIn(app, billing)
  assertError(t, await postToken(app, { ...refresh, refresh_token }), 400, 'invalid_grant')
  t.equal(
    (await postToken(app, { ...refresh, ...billing, refresh_token })).statusCode,
    200,
    'the token is still valid',
  )
})

t.test('§5.2 unauthorized_client: the client may not use the grant', async (t) => {
  await app.database.client.update({ where: { clientId: 'billing' }, data: { grants: ['refresh_token'] } })
  assertError(t, await postToken(app, { ...credentials, ...billing }), 400, 'unauthorized_client')
  assertError(t, await postToken(app, { ...asUser, ...billing }), 400, 'unauthorized_client')
})

t.test('§5.2 unsupported_grant_type', async (t) => {
  for (const grant_type of ['authorization_code', 'implicit', 'PASSWORD', 'constructor'])
    assertError(t, await postToken(app, { ...reports, grant_type }), 400, 'unsupported_grant_type')
})

t.test('§6 a refresh may narrow the scope, not widen it, and the refresh token keeps its own', async (t) => {
  const { refresh_token } = await signIn(app, { ...reports, scope: 'me items:read' })
  const refresh = (token: string, scope: string) =>
    postToken(app, { grant_type: 'refresh_token', ...reports, refresh_token: token, scope })
  assertError(t, await refresh(refresh_token, 'me orders:read'), 400, 'invalid_scope')
  const narrow = (await refresh(refresh_token, 'me')).json<Tokens>()
  t.equal((await refresh(narrow.refresh_token, 'items:read me')).statusCode, 200)
})

t.test('§10.4 refresh tokens are bound to their client and rotated', async (t) => {
  const { refresh_token } = await signIn(app)
  const form = { grant_type: 'refresh_token', ...reports, refresh_token }
  t.not((await postToken(app, form)).json<Tokens>().refresh_token, refresh_token)
  assertError(
    t,
    await postToken(app, { ...form, ...{ client_id: '', client_secret: '' } }),
    400,
    'invalid_grant',
  )
})

t.test('§10.10 generated secrets have at least 256 random bits', async (t) => {
  const { refresh_token } = await signIn(app)
  t.ok(Buffer.from(refresh_token.slice(4), 'base64url').length >= 32)
})
