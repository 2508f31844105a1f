import { createHmac } from 'node:crypto'
import t from 'tap'
import { jwtSecret, logIn, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { shiftClock } from '../helpers/clock.js'

const encode = (text: string | Buffer) => Buffer.from(text).toString('base64url')

function mint(payload: string | Buffer, header = '{"alg":"HS256","typ":"JWT"}'): string {
  const input = `${encode(header)}.${encode(payload)}`
  return `${input}.${createHmac('sha256', jwtSecret).update(input).digest('base64url')}`
}

const exp = Math.floor(Date.now() / 1000) + 600

t.test('a change of a user is visible in the next request', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  const where = { username: 'johndoe' }

  await app.database.user.update({ where, data: { fullName: 'Johnny', email: null } })
  t.same((await as(app, token).get('/users/me/')).json(), {
    ...{ username: 'johndoe', email: null, full_name: 'Johnny', disabled: false },
  })
  await app.database.user.update({ where, data: { disabled: true } })
  t.same((await as(app, token).get('/users/me/')).json(), { detail: 'Inactive user' })
  await app.database.user.delete({ where })
  const response = await as(app, token).get('/users/me/')
  t.equal(response.statusCode, 401)
  t.equal(response.headers['www-authenticate'], 'Bearer')
})

t.test('any number of spaces may separate the scheme from the token', async (t) => {
  const app = await startApp(t)
  const token = await logIn(app, 'johndoe', 'secret')
  for (const [authorization, status] of [
    [`Bearer ${token}`, 200],
    [`Bearer  ${token}`, 200],
    [`bearer     ${token}`, 200],
    [`Bearer \t${token}`, 200],
    [`Bearer\t${token}`, 401],
    [`Bearer ${token} x`, 401],
    [`Bearer${token}`, 401],
  ] as const)
    t.equal((await app.inject({ url: '/users/me/', headers: { authorization } })).statusCode, status)
})

t.test('a token that was accepted before expires', async (t) => {
  const app = await startApp(t)
  const token = mint(`{"sub":"johndoe","exp":${exp}}`)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 200)
  shiftClock(t, 601)
  t.equal((await as(app, token).get('/users/me/')).statusCode, 401)
})

t.test('tokens with a valid signature and invalid claims are refused', async (t) => {
  const app = await startApp(t)
  t.equal(
    (await as(app, mint(`{"sub":"johndoe","exp":${exp}}`)).get('/users/me/')).statusCode,
    200,
    'the unchanged token is accepted',
  )
  for (const payload of [
    `{"sub":{"name":"johndoe"},"exp":${exp}}`,
    `{"sub":"johndoe\\u0000","exp":${exp}}`,
    `{"sub":"\\ud800","exp":${exp}}`,
    `{"sub":"johndoe","exp":1e400}`,
    `{"sub":"johndoe","exp":${exp},"nbf":true}`,
    `{"sub":"johndoe","exp":${exp},"iat":null}`,
    `{"sub":"johndoe","exp":${exp},"jti":null}`,
    ...['" "', '["a"]', '[null]', '{"a":0}', '1', 'true'].map(
      (aud) => `{"sub":"johndoe","exp":${exp},"aud":${aud}}`,
    ),
    `{"sub":"johndoe","exp":${exp},"iat":${exp}}`,
    `{"sub":"johndoe","exp":${exp},"at_hash":"x"}`,
    Buffer.from(`{"sub":"johndoe","exp":${exp},"x":"\xff"}`, 'latin1'),
    '7',
    '',
  ]) {
    const response = await as(app, mint(payload)).get('/users/me/')
    t.equal(response.statusCode, 401, String(payload))
    t.same(response.json(), { detail: 'Could not validate credentials' }, String(payload))
  }
  const kids = ['1', 'null', '[]', '{}', 'false'].map((kid) => `{"alg":"HS256","kid":${kid}}`)
  for (const header of [
    ...kids,
    '{"alg":"HS256","b64":false}',
    '[]',
    '7',
    '{"alg":"HS256","crit":null}',
    '{"alg":["HS256"]}',
    '{"alg":"hs256"}',
    '',
  ])
    t.equal(
      (await as(app, mint(`{"sub":"johndoe","exp":${exp}}`, header)).get('/users/me/')).statusCode,
      401,
      header,
    )
})

t.test('tokens of the old service are accepted with claims that it ignores', async (t) => {
  const app = await startApp(t)
  const claims = [
    ...['null', '""', '[]', '{}', '0', '-0', '0.0', 'false'].map((aud) => `"aud":${aud}`),
    ...['null', '7', '["x"]', '"https://old.example"'].map((iss) => `"iss":${iss}`),
    ...['null', '7', '[]', '"first-party"', '"mobile app"'].map((id) => `"client_id":${id}`),
    '"client_id":"first-party","scope":"users:admin","sid":"x","gen":0,"rgen":"x","aud":""',
  ]
  for (const claim of claims) {
    const response = await as(app, mint(`{"sub":"johndoe","exp":${exp},${claim}}`)).get('/users/me/')
    t.equal(response.statusCode, 200, claim)
  }
  for (const header of ['{"alg":"HS256","kid":"x"}', '{"alg":"HS256","b64":true}'])
    t.equal((await as(app, mint(`{"sub":"johndoe","exp":${exp}}`, header)).get('/users/me/')).statusCode, 200)
})

t.test('a token that has the marks of this service is never judged as one of the old service', async (t) => {
  const app = await startApp(t)
  const [, payload = ''] = (await logIn(app, 'johndoe', 'secret')).split('.')
  const own = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>
  const status = async (claims: Record<string, unknown>) =>
    (await as(app, mint(JSON.stringify(claims))).get('/users/me/')).statusCode
  t.equal(await status(own), 200)
  const { sid: _, ...withoutLogin } = own
  for (const claims of [
    withoutLogin,
    { ...own, sid: crypto.randomUUID() },
    { ...own, sid: null },
    { ...own, client_id: null },
    { ...own, aud: '' },
    { ...own, aud: null },
    { ...own, jti: null },
    { ...own, iss: 7 },
  ])
    t.equal(await status(claims), 401, JSON.stringify(claims))
  t.equal(await status({ ...own, scope: '' }), 403)
  await app.database.tokenFamily.updateMany({ data: { revokedAt: new Date() } })
  t.equal(await status({ ...own, exp: Number(own.exp) + 1 }), 401, 'a login that was ended')
})
