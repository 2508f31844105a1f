import t from 'tap'
import { postToken } from '../helpers/app.js'
import {
  basic,
  billing,
  decode,
  issuer,
  postTo,
  reports,
  signIn,
  signInClient,
  startIssuer,
  type Tokens,
} from './server.js'

const app = await startIssuer(t)
const introspect = async (token: string, form: Record<string, string> = reports) =>
  (await postTo(app, '/introspect', { token, ...form })).json<Record<string, unknown>>()
const inactive = { active: false }

t.test('§2.1 the caller has to authenticate', async (t) => {
  const { access_token: token } = await signIn(app)
  for (const [form, headers] of [
    [{ token }, {}],
    [{ token, client_id: 'first-party' }, {}],
    [{ token, client_id: 'reports' }, {}],
    [{ token }, basic('reports', 'wrong')],
    [{ token }, { authorization: `Bearer ${token}` }],
  ] as [Record<string, string>, Record<string, string>][]) {
    const response = await postTo(app, '/introspect', form, headers)
    t.equal(response.statusCode, 401)
    t.match(response.headers['www-authenticate'], /^Basic /)
    t.equal(response.json<{ error: string }>().error, 'invalid_client')
  }
  t.equal(
    (await postTo(app, '/introspect', { token }, basic('reports', reports.client_secret))).statusCode,
    200,
  )
})

t.test('§2.1 the token is required, and the hint is no more than that', async (t) => {
  for (const form of ['', 'token=', 'token=a&token=b', 'token=%00'])
    t.equal((await postTo(app, '/introspect', form, basic('reports', reports.client_secret))).statusCode, 400)
  const { access_token } = await signIn(app)
  t.match(await introspect(access_token, { ...reports, token_type_hint: 'refresh_token' }), { active: true })
})

t.test('§2.2 what is said of a good access token agrees with the token', async (t) => {
  const { access_token } = await signIn(app)
  const { iss, aud, sub, exp, iat, jti, client_id, scope } = decode(access_token, 1)
  t.same(await introspect(access_token, billing), {
    ...{ active: true, iss, aud, sub, exp, iat, jti, client_id, scope },
    ...{ token_type: 'Bearer', username: 'johndoe' },
  })
  t.equal(iss, issuer)
  const own = (await signInClient(app)).access_token
  const said = await introspect(own)
  t.match(said, { active: true, sub: 'client:reports', client_id: 'reports' })
  t.notOk('username' in said, 'no user is behind it')
})

t.test('§2.2 of a refresh token only its own client learns', async (t) => {
  const { refresh_token } = await signIn(app)
  t.match(await introspect(refresh_token), {
    ...{ active: true, sub: 'johndoe', username: 'johndoe', client_id: 'reports', scope: 'me items:read' },
    exp: Number,
  })
  t.same(await introspect(refresh_token, billing), inactive)
})

t.test('§2.2 of what is not active nothing else is said', async (t) => {
  const [access, family, used, byUser] = [
    await signIn(app),
    await signIn(app),
    await signIn(app),
    await signIn(app),
  ]
  await postTo(app, '/revoke', { token: access.access_token, ...reports })
  await postTo(app, '/revoke', { token: family.refresh_token, ...reports })
  await postToken(app, { grant_type: 'refresh_token', refresh_token: used.refresh_token, ...reports })
  const tokens = [access.access_token, family.access_token, family.refresh_token, used.refresh_token]
  for (const token of ['unknown', 'a.b.c', ...tokens]) t.same(await introspect(token), inactive, token)

  await app.database.user.update({ where: { username: 'johndoe' }, data: { disabled: true } })
  for (const token of [byUser.access_token, byUser.refresh_token]) t.same(await introspect(token), inactive)
  await app.database.user.update({ where: { username: 'johndoe' }, data: { disabled: false } })
  t.same(await introspect(byUser.access_token), inactive)
})

t.test('§4 a client that is disabled speaks for nobody', async (t) => {
  const { access_token }: Tokens = await signIn(app, billing)
  const own: Tokens = await signInClient(app, billing)
  await app.database.client.update({ where: { clientId: 'billing' }, data: { disabled: true } })
  for (const token of [access_token, own.access_token]) t.same(await introspect(token), inactive)
  await app.database.client.delete({ where: { clientId: 'billing' } })
  for (const token of [access_token, own.access_token]) t.same(await introspect(token), inactive)
})
