import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'

interface Tokens {
  access_token: string
  refresh_token: string
  scope?: string
}

async function logIn(app: FastifyInstance): Promise<Tokens> {
  return (await postToken(app, { username: 'johndoe', password: 'secret' })).json<Tokens>()
}

function refresh(app: FastifyInstance, refresh_token: string, more: Record<string, string> = {}) {
  return postToken(app, { grant_type: 'refresh_token', refresh_token, ...more })
}

const invalidGrant = {
  detail: 'The refresh token is unknown, expired or revoked',
  error: 'invalid_grant',
  error_description: 'The refresh token is unknown, expired or revoked',
}

async function assertDead(t: Test, app: FastifyInstance, token: string): Promise<void> {
  const response = await refresh(app, token)
  t.equal(response.statusCode, 400)
  t.same(response.json(), invalidGrant)
}

t.test('a refresh token is exchanged for an access token and its successor', async (t) => {
  const app = await startApp(t)
  const first = await logIn(app)
  const response = await refresh(app, first.refresh_token)
  t.equal(response.statusCode, 200)
  const second = response.json<Tokens>()
  t.not(second.refresh_token, first.refresh_token)
  t.match(second, { scope: 'me items:read items:write', token_type: 'bearer', expires_in: 1800 })
  t.equal((await as(app, second.access_token).get('/users/me/')).statusCode, 200)
  t.equal((await refresh(app, second.refresh_token)).statusCode, 200)
  t.notOk(
    (await app.database.refreshToken.findMany()).some(({ fingerprint }) =>
      Buffer.from(fingerprint).includes(second.refresh_token),
    ),
    'the token itself is not stored',
  )
})

t.test('a lost response can be requested again within the grace period', async (t) => {
  const app = await startApp(t)
  const { refresh_token } = await logIn(app)
  const first = (await refresh(app, refresh_token)).json<Tokens>()
  const again = (await refresh(app, refresh_token)).json<Tokens>()
  t.equal(again.refresh_token, first.refresh_token)
  t.equal((await refresh(app, first.refresh_token)).statusCode, 200)
})

t.test('a used token gets the newest token of its family within the grace period', async (t) => {
  const app = await startApp(t, { REFRESH_TOKEN_GRACE_SECONDS: '60' })
  const first = await logIn(app)
  const second = (await refresh(app, first.refresh_token)).json<Tokens>()
  const third = (await refresh(app, second.refresh_token)).json<Tokens>()
  for (const { refresh_token } of [first, second]) {
    const again = (await refresh(app, refresh_token)).json<Tokens>()
    t.equal(again.refresh_token, third.refresh_token)
    t.equal((await as(app, again.access_token).get('/users/me/')).statusCode, 200)
  }
  const past = { expiresAt: new Date(Date.now() - 1) }
  await app.database.refreshToken.updateMany({ where: { usedAt: null }, data: past })
  await assertDead(t, app, first.refresh_token)
  t.equal((await as(app, third.access_token).get('/users/me/')).statusCode, 200, 'the family continues')
})

t.test('after a change of the MAC key, a repeated request is refused and its family continues', async (t) => {
  const app = await startApp(t)
  const first = await logIn(app)
  const second = (await refresh(app, first.refresh_token)).json<Tokens>()
  await app.database.macKey.deleteMany()
  await app.changes.sync()
  await assertDead(t, app, first.refresh_token)
  t.equal((await refresh(app, second.refresh_token)).statusCode, 200)
})

t.test(
  'a refresh grants the effective scope, reports it, and follows scopes that are given back',
  async (t) => {
    const app = await startApp(t)
    const where = { username: 'johndoe' }
    const take = (...scopes: string[]) => app.database.user.update({ where, data: { scopes } })
    await take('users:admin', 'items:admin')
    // Another administrator, so that this one can lose the scope.
    await app.database.user.update({
      where: { username: 'alice' },
      data: { disabled: false, scopes: ['users:admin'] },
    })
    const login = { grant_type: 'password', username: 'johndoe', password: 'secret' }
    const scope = 'me users:admin items:admin'
    let token = (await postToken(app, { ...login, scope })).json<Tokens>().refresh_token
    const next = async (form: Record<string, string> = {}) => {
      const answer = (await refresh(app, token, form)).json<Tokens & { error?: string }>()
      token = answer.refresh_token ?? token
      return answer
    }
    t.equal((await next({ scope })).scope, undefined, 'as requested')
    await take('items:admin')
    t.equal((await next()).scope, 'me items:admin')
    t.equal((await next({ scope })).scope, 'me items:admin', 'less than requested')
    t.equal((await next({ scope: 'users:admin' })).error, 'invalid_scope', 'none of the requested scope')
    await take('items:admin', 'users:admin')
    t.equal((await next({ scope })).scope, undefined, 'given back')

    token = (await postToken(app, { ...login, scope: 'items:admin' })).json<Tokens>().refresh_token
    await take()
    t.equal((await next()).error, 'invalid_grant', 'no scope is left')
    await take('items:admin')
    t.equal((await next({ scope: 'items:admin' })).error, undefined, 'the login continues')
  },
)

t.test('administrative scopes are granted only when requested by name', async (t) => {
  const app = await startApp(t)
  const where = { username: 'johndoe' }
  await app.database.user.update({ where, data: { scopes: ['users:admin', 'items:admin'] } })
  const login = { username: 'johndoe', password: 'secret' }
  const scopeOf = async (form: Record<string, string>) =>
    (await postToken(app, { ...login, ...form })).json<Tokens>().scope
  t.equal(await scopeOf({}), 'me items:read items:write')
  t.equal(
    await scopeOf({ scope: 'users:admin' }),
    'me items:read items:write',
    'the tutorial ignores the requested scope',
  )
  t.equal(await scopeOf({ grant_type: 'password' }), 'me items:read items:write')
  const scope = 'items:admin me'
  t.equal(await scopeOf({ grant_type: 'password', scope }), undefined)
})

t.test('a token reused after the grace period revokes its family for good', async (t) => {
  const app = await startApp(t)
  const bystander = await logIn(app)
  const first = await logIn(app)
  const second = (await refresh(app, first.refresh_token)).json<Tokens>()
  await app.database.refreshToken.updateMany({
    where: { usedAt: { not: null } },
    data: { usedAt: new Date(Date.now() - 11_000) },
  })
  await assertDead(t, app, first.refresh_token)
  await assertDead(t, app, second.refresh_token)
  for (const { access_token } of [first, second])
    t.equal((await as(app, access_token).get('/users/me/')).statusCode, 401)
  t.equal((await refresh(app, bystander.refresh_token)).statusCode, 200, 'other logins are not affected')
})

t.test('a refresh token expires when idle and at its maximum age', async (t) => {
  const app = await startApp(t, { REFRESH_TOKEN_IDLE_MINUTES: '60', REFRESH_TOKEN_EXPIRE_MINUTES: '90' })
  const { refresh_token } = await logIn(app)
  const [token] = await app.database.refreshToken.findMany({ include: { family: true } })
  const minutes = (from: Date | undefined, to: Date | undefined) =>
    Math.round((Number(to) - Number(from)) / 60_000)
  t.equal(minutes(token?.createdAt, token?.expiresAt), 60)
  t.equal(minutes(token?.family.createdAt, token?.family.refreshableUntil), 90)

  await app.database.tokenFamily.updateMany({ data: { refreshableUntil: new Date(Date.now() + 60_000) } })
  const next = (await refresh(app, refresh_token)).json<Tokens>()
  const successor = await app.database.refreshToken.findFirst({
    where: { usedAt: null },
    include: { family: true },
  })
  t.same(successor?.expiresAt, successor?.family.refreshableUntil, 'the token never outlives the family')

  await app.database.tokenFamily.updateMany({ data: { refreshableUntil: new Date(Date.now() - 1) } })
  await assertDead(t, app, next.refresh_token)
  const idle = await logIn(app)
  await app.database.refreshToken.updateMany({ data: { expiresAt: new Date(Date.now() - 1) } })
  await assertDead(t, app, idle.refresh_token)
})

t.test('changes that end the logins of a user', async (t) => {
  const where = { username: 'johndoe' }
  const hashedPassword = `$2b$04$${'a'.repeat(53)}`
  const changes: [string, (app: FastifyInstance) => Promise<unknown>][] = [
    [
      'disabled, and enabled again',
      async ({ database }) => {
        await database.user.update({ where, data: { disabled: true } })
        await database.user.update({ where, data: { disabled: false } })
      },
    ],
    ['another password', ({ database }) => database.user.update({ where, data: { hashedPassword } })],
    ['deleted', ({ database }) => database.user.delete({ where })],
  ]
  for (const [what, change] of changes) {
    const app = await startApp(t)
    const tokens = await logIn(app)
    await change(app)
    await assertDead(t, app, tokens.refresh_token)
    t.equal((await as(app, tokens.access_token).get('/users/me/')).statusCode, 401, what)
  }
})

t.test('a disabled user gets no refresh token and cannot use an earlier one', async (t) => {
  const app = await startApp(t)
  const alice = (await postToken(app, { username: 'alice', password: 'secret2' })).json<Partial<Tokens>>()
  t.notOk(alice.refresh_token)
  const { refresh_token } = await logIn(app)
  await app.database.$executeRaw`UPDATE users SET disabled = true WHERE username = 'johndoe'`
  await assertDead(t, app, refresh_token)
})

t.test('rehashing a password ends no login', async (t) => {
  const app = await startApp(t, { BCRYPT_COST: '13' })
  const before = await logIn(app)
  const after = await logIn(app)
  for (const { refresh_token } of [before, after])
    t.equal((await refresh(app, refresh_token)).statusCode, 200)
})

t.test('a refresh may narrow the scope and never widen it', async (t) => {
  const app = await startApp(t)
  const login = { grant_type: 'password', username: 'johndoe', password: 'secret', scope: 'me items:read' }
  const first = (await postToken(app, login)).json<Tokens>()
  t.notOk(first.scope, 'the requested scope was granted')
  const wider = await refresh(app, first.refresh_token, { scope: 'me items:write' })
  t.equal(wider.json<{ error: string }>().error, 'invalid_scope')
  const narrow = (await refresh(app, first.refresh_token, { scope: 'me' })).json<Tokens>()
  const forbidden = await as(app, narrow.access_token).get('/users/me/items/')
  t.equal(forbidden.statusCode, 403)
  t.equal(forbidden.headers['www-authenticate'], 'Bearer error="insufficient_scope", scope="items:read"')
  const full = (await refresh(app, narrow.refresh_token)).json<Tokens>()
  t.equal(full.scope, 'me items:read', 'the refresh token keeps its own scope')
})

t.test(
  'without the refresh grant a client gets no refresh token, and its access token is valid',
  async (t) => {
    const app = await startApp(t)
    await app.database.client.update({ where: { clientId: 'first-party' }, data: { grants: ['password'] } })
    const tokens = await logIn(app)
    t.notOk(tokens.refresh_token)
    t.equal((await as(app, tokens.access_token).get('/users/me/')).statusCode, 200)
  },
)

t.test('a deployment can disable grants', async (t) => {
  const withoutRefresh = await startApp(t, { ALLOWED_GRANTS: 'password' })
  t.notOk((await logIn(withoutRefresh)).refresh_token)
  const app = await startApp(t, { ALLOWED_GRANTS: 'client_credentials' })
  const response = await postToken(app, { username: 'johndoe', password: 'secret' })
  t.equal(response.statusCode, 400)
  t.same(response.json(), { detail: 'Unsupported grant type' })
})

t.test('a disabled first party accepts no login', async (t) => {
  const app = await startApp(t)
  const tokens = await logIn(app)
  await app.database.client.update({ where: { clientId: 'first-party' }, data: { disabled: true } })
  t.equal((await postToken(app, { username: 'johndoe', password: 'secret' })).statusCode, 401)
  t.equal((await as(app, tokens.access_token).get('/users/me/')).statusCode, 401)
})
