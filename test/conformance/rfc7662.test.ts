import t from 'tap'
import { postToken } from '../helpers/app.js'
import { storeClient } from '../helpers/clients.js'
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

t.test('§2.1 the token is required, and a wrong hint has no effect', async (t) => {
  for (const form of ['', 'token=', 'token=a&token=b', 'token=%00'])
    t.equal((await postTo(app, '/introspect', form, basic('reports', reports.client_secret))).statusCode, 400)
  const { access_token } = await signIn(app)
  t.match(await introspect(access_token, { ...reports, token_type_hint: 'refresh_token' }), { active: true })
})

t.test('§2.2 the response for an active access token agrees with the token', async (t) => {
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
  t.notOk('username' in said, 'it speaks for no user')
})

t.test('§2.2 only its own client sees a refresh token', async (t) => {
  const { refresh_token } = await signIn(app)
  t.match(await introspect(refresh_token), {
    ...{ active: true, sub: 'johndoe', username: 'johndoe', client_id: 'reports', scope: 'me items:read' },
    exp: Number,
  })
  t.same(await introspect(refresh_token, billing), inactive)
})

t.test('§2.2 the response for an inactive token has no other member', async (t) => {
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

t.test('§4 tokens of a disabled client are inactive', async (t) => {
  const { access_token }: Tokens = await signIn(app, billing)
  const own: Tokens = await signInClient(app, billing)
  await app.database.client.update({ where: { clientId: 'billing' }, data: { disabled: true } })
  for (const token of [access_token, own.access_token]) t.same(await introspect(token), inactive)
  await app.database.client.delete({ where: { clientId: 'billing' } })
  for (const token of [access_token, own.access_token]) t.same(await introspect(token), inactive)
  await storeClient(app.database, billing.client_id, billing.client_secret, undefined, ['introspect'])
  await app.changes.sync()
  for (const token of [access_token, own.access_token])
    for (const asker of [reports, billing])
      t.same(await introspect(token, asker), inactive, 'also after its id is reused')
})

t.test('§4 a token that does not concern the client is reported as inactive', async (t) => {
  const scopes = { stranger: ['me', 'items:read', 'billing:read'], orders: ['orders:read'] }
  for (const [clientId, scope] of Object.entries(scopes))
    await storeClient(app.database, clientId, clientId, scope)
  const ask = async (client: string, token: string) =>
    (await postTo(app, '/introspect', { token }, basic(client, client))).json<Record<string, unknown>>()
  const { access_token: ofUser, refresh_token } = await signIn(app)
  const { access_token: ofClient } = await signInClient(app, { scope: 'items:read orders:read' })
  for (const token of [ofUser, refresh_token, ofClient, 'unknown'])
    t.same(await ask('stranger', token), inactive)
  t.same(await ask('orders', ofUser), inactive)
  const said = await ask('orders', ofClient)
  t.match(said, { active: true, sub: 'client:reports', client_id: 'reports', scope: 'orders:read' })
  const { scope: _, ...claims } = decode(ofClient, 1)
  t.match(said, { exp: claims.exp, iss: claims.iss, aud: claims.aud, jti: claims.jti })
  t.same(await ask('orders', refresh_token), inactive)

  const where = { clientId: 'reports' }
  await app.database.client.update({ where, data: { scopes: ['me', 'items:read'] } })
  await app.changes.sync()
  t.same(await ask('orders', ofClient), inactive, 'the scope was taken away')
  t.match(await introspect(ofClient), { active: true, scope: 'items:read' })
})

t.test(
  '§4 a client sees tokens that have it as an audience, and all access tokens with a right',
  async (t) => {
    const other = await startIssuer(t, { AUDIENCE: 'orders' })
    await storeClient(other.database, 'orders', 'orders', [])
    await storeClient(other.database, 'bystander', 'bystander', [])
    const { access_token: token, refresh_token } = await signIn(other)
    const ask = async (client: string, text = token) => {
      await other.changes.sync()
      return (await postTo(other, '/introspect', { token: text }, basic(client, client))).json<object>()
    }
    t.match(await ask('orders'), { active: true, sub: 'johndoe', aud: 'orders', scope: 'me items:read' })
    t.same(await ask('bystander'), inactive)
    const where = { clientId: 'bystander' }
    await other.database.client.update({ where, data: { rights: ['introspect'] } })
    t.match(await ask('bystander'), { active: true, sub: 'johndoe', scope: 'me items:read' })
    t.same(await ask('bystander', refresh_token), inactive, 'never refresh tokens')
    await other.database.client.update({ where, data: { rights: [] } })
    t.same(await ask('bystander'), inactive)
  },
)

t.test('§4 a token of another client takes the same work whether it is active or not', async (t) => {
  await storeClient(app.database, 'curious', 'curious', [])
  const statements: unknown[] = []
  const { pool } = app.database
  const send = pool.query.bind(pool)
  t.intercept(pool, 'query', {
    value: (statement: { text: string }) => {
      statements.push(statement.text)
      return send(statement)
    },
  })
  const active = (await signIn(app)).access_token
  const revoked = (await signIn(app)).access_token
  await postTo(app, '/revoke', { token: revoked, ...reports })
  const sent: unknown[][] = []
  // Twice, as the second request may be answered from memory.
  for (const token of [active, revoked, active, revoked]) {
    t.match(await introspect(token), token === active ? { active: true } : inactive)
    statements.length = 0
    t.same(await introspect(token, { client_id: 'curious', client_secret: 'curious' }), inactive)
    sent.push(statements.filter((text) => /FROM users|refresh_tokens/.test(String(text))))
  }
  t.equal(sent[0]?.length, 2)
  for (const each of sent) t.same(each, sent[0])
})
