import { createHmac } from 'node:crypto'
import t from 'tap'
import { jwtSecret, postToken, startApp } from '../helpers/app.js'
import { cloneDatabase } from '../helpers/database.js'
import { startProxy } from '../helpers/proxy.js'
import { askWho, basic, billing, postTo, reports, signIn, signInClient, startIssuer } from './server.js'

const app = await startIssuer(t)
const refresh = (refresh_token: string, client = reports) =>
  postToken(app, { grant_type: 'refresh_token', refresh_token, ...client })
const revoke = (token: string, form: Record<string, string> = reports) =>
  postTo(app, '/revoke', { token, ...form })

t.test('§2.1 a refresh token is revoked together with the access tokens of the same grant', async (t) => {
  const { access_token, refresh_token } = await signIn(app)
  t.equal((await revoke(refresh_token)).statusCode, 200)
  t.equal((await refresh(refresh_token)).statusCode, 400)
  t.equal((await askWho(app, `Bearer ${access_token}`)).statusCode, 401)
})

t.test('§2.1 a used refresh token revokes all tokens that followed it', async (t) => {
  const first = await signIn(app)
  const second = (await refresh(first.refresh_token)).json<typeof first>()
  t.equal((await revoke(first.refresh_token)).statusCode, 200)
  t.equal((await refresh(second.refresh_token)).statusCode, 400)
  t.equal((await askWho(app, `Bearer ${second.access_token}`)).statusCode, 401)
})

t.test('§2.1 an access token is revoked, and its refresh token stays valid', async (t) => {
  const { access_token, refresh_token } = await signIn(app)
  t.equal((await revoke(access_token)).statusCode, 200)
  t.equal((await askWho(app, `Bearer ${access_token}`)).statusCode, 401)
  t.equal((await refresh(refresh_token)).statusCode, 200)
})

t.test('§2.1 a wrong hint has no effect', async (t) => {
  for (const token_type_hint of ['access_token', 'refresh_token', 'pct']) {
    const { refresh_token } = await signIn(app)
    t.equal((await revoke(refresh_token, { ...reports, token_type_hint })).statusCode, 200)
    t.equal((await refresh(refresh_token)).statusCode, 400, token_type_hint)
  }
})

t.test('§2.1 the client has to authenticate', async (t) => {
  const { access_token } = await signIn(app)
  for (const headers of [basic('reports', 'wrong'), { authorization: 'Basic x' }])
    t.equal((await postTo(app, '/revoke', { token: access_token }, headers)).statusCode, 401)
  t.equal((await askWho(app, `Bearer ${access_token}`)).statusCode, 200)
  t.equal(
    (await postTo(app, '/revoke', { token: access_token }, basic('reports', reports.client_secret)))
      .statusCode,
    200,
  )
})

t.test('§2.1 the token of another client is refused, and not revoked', async (t) => {
  const { access_token, refresh_token } = await signIn(app)
  for (const token of [access_token, refresh_token])
    for (const form of [billing, {}]) {
      const response = await revoke(token, form as Record<string, string>)
      t.equal(response.statusCode, 400)
      t.equal(response.json<{ error: string }>().error, 'invalid_grant')
    }
  t.equal((await askWho(app, `Bearer ${access_token}`)).statusCode, 200)
  t.equal((await refresh(refresh_token)).statusCode, 200)
})

t.test('§2.2 an unknown, expired or repeated token is 200', async (t) => {
  const { access_token, refresh_token } = await signIn(app)
  for (const token of [
    'unknown',
    'lkr_unknown',
    'a.b.c',
    access_token,
    access_token,
    refresh_token,
    refresh_token,
  ]) {
    const response = await revoke(token)
    t.equal(response.statusCode, 200)
    t.same(response.json(), {})
  }
  const old = await signIn(app)
  await app.database.tokenFamily.updateMany({ data: { refreshableUntil: new Date(0) } })
  t.equal((await revoke(old.refresh_token)).statusCode, 200)
})

t.test('§2.1 a client’s own token can be revoked too', async (t) => {
  const { access_token } = await signInClient(app)
  const isActive = async () =>
    (await postTo(app, '/introspect', { token: access_token, ...billing })).json<{ active: boolean }>().active
  t.equal(await isActive(), true)
  t.equal((await revoke(access_token)).statusCode, 200)
  t.equal(await isActive(), false)
})

t.test('§2.2.1 a malformed request is invalid_request', async (t) => {
  for (const form of [
    '',
    'token=',
    'token=a&token=b',
    'token=%00',
    'token=%ff',
    'token_type_hint=access_token',
  ]) {
    const response = await postTo(app, '/revoke', form)
    t.equal(response.statusCode, 400, form)
    t.equal(response.json<{ error: string }>().error, 'invalid_request')
  }
})

t.test('§2.2.1 a server that cannot revoke at the moment answers 503', async (t) => {
  const proxy = await startProxy(t, await cloneDatabase(t))
  const away = await startApp(t, {}, proxy.url)
  const { access_token } = await signIn(away, {})
  await proxy.close()
  for (const token of [access_token, 'unknown']) {
    const response = await postTo(away, '/revoke', { token })
    t.equal(response.statusCode, 503)
    t.ok(response.headers['retry-after'])
  }
})

t.test('with a shared secret, a token without a jti is revoked by its signing input', async (t) => {
  const shared = await startApp(t)
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const mint = (exp: number) => {
    const input = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: 'johndoe', exp })}`
    return `${input}.${createHmac('sha256', jwtSecret).update(input).digest('base64url')}`
  }
  const [first, second] = [mint(4_000_000_000), mint(1e15)]
  for (const token of [first, second]) {
    t.equal((await askWho(shared, `Bearer ${token}`)).statusCode, 200)
    t.equal((await postTo(shared, '/revoke', { token })).statusCode, 200)
    t.equal((await askWho(shared, `Bearer ${token}`)).statusCode, 401)
  }
  t.equal((await askWho(shared, `Bearer ${mint(4_000_000_001)}`)).statusCode, 200)
})
