import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { startFamily } from '../../src/auth/store/families.js'
import { decode, postTo } from '../conformance/server.js'
import { query } from '../database/query.js'
import { jwtSecret, postToken, startApp } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { cloneDatabase } from '../helpers/database.js'
import { cheapHash } from '../helpers/replicas.js'

const issuer = 'https://login.example.com'
const alice = { username: 'alice', password: 'secret2' }
const introspector = { client_id: 'introspector', client_secret: 'the secret of the introspector' }
const modes = { 'the key ring': '', 'a shared secret': jwtSecret }

async function start(t: Test, JWT_SECRET: string) {
  const url = await cloneDatabase(t)
  const app = await startApp(t, { JWT_SECRET, ISSUER: issuer }, url)
  const { client_id, client_secret } = introspector
  await storeClient(app.database, client_id, client_secret, [], ['introspect'])
  const enable = (username: string) =>
    query(url, 'UPDATE users SET disabled = false WHERE username = $1', [username])
  return { app, url, enable }
}

async function introspect(app: FastifyInstance, token: string) {
  await app.changes.sync()
  return (await postTo(app, '/introspect', { token, ...introspector })).json<object>()
}

for (const [mode, secret] of Object.entries(modes)) {
  t.test(`with ${mode} OAuth answers a disabled user like a wrong password`, async (t) => {
    const { app } = await start(t, secret)
    const login = { grant_type: 'password', ...alice }
    const ask = async (form: Record<string, string>) => {
      const { statusCode, headers, body } = await postToken(app, form)
      return { statusCode, body, headers: { ...headers, date: '' } }
    }
    const wrong = await ask({ ...login, password: 'wrong' })
    t.equal(wrong.statusCode, 401)
    t.match(wrong.body, 'invalid_grant')
    for (const more of [{}, { scope: 'me' }, { scope: 'users:admin' }, { scope: '"' }])
      t.strictSame(await ask({ ...login, ...more }), wrong, JSON.stringify(more))
    const [event, ...others] = await app.database.event.findMany()
    t.match(event, { action: 'login', outcome: 'failed', actor: null, subject: 'alice', count: 5 })
    t.same(others, [], 'every event is recorded as a failure')
    t.equal(await app.database.tokenFamily.count(), 0)
    t.equal(await app.database.knownNetwork.count(), 0, 'the network does not become known')
    const [{ failures } = {}] = await app.database.guessCount.findMany({ orderBy: { failures: 'desc' } })
    t.equal(failures, 5, 'each counts as a failed attempt')
  })

  t.test(
    `with ${mode} the token of the tutorial's login for a disabled user never permits anything`,
    async (t) => {
      const { app, enable } = await start(t, secret)
      const response = await postToken(app, alice)
      t.equal(response.statusCode, 200)
      const { access_token: token, ...others } = response.json<{ access_token: string }>()
      t.same(others, { token_type: 'bearer', expires_in: 1800 }, 'no scope and no refresh token')
      const claims = decode(token, 1)
      t.equal(claims.sub, 'alice')
      t.notOk('scope' in claims)
      t.equal(await app.database.tokenFamily.count(), 0, 'no login is stored')
      const [event] = await app.database.event.findMany()
      t.match(event, { action: 'login', outcome: 'failed', subject: 'alice' })

      const ask = async (url = '/users/me/') => {
        const { statusCode, json } = await as(app, token).get(url)
        return [statusCode, json<{ detail: string }>().detail]
      }
      for (const url of ['/users/me/', '/users/me/items/', '/users/johndoe/items/', '/users/'])
        t.same(await ask(url), [400, 'Inactive user'])
      t.same(await introspect(app, token), { active: false })
      t.equal((await postTo(app, '/revoke', { token })).statusCode, 200)
      await enable('alice')
      t.same(await ask(), [401, 'Could not validate credentials'])
      t.same(await introspect(app, token), { active: false })
      t.equal(
        (await as(app, await logIn(app, alice)).get('/users/me/')).statusCode,
        200,
        'a new token is accepted',
      )
    },
  )

  t.test(
    `with ${mode} a token issued before the user was disabled is refused like one issued afterwards`,
    async (t) => {
      const { app, url, enable } = await start(t, secret)
      const token = await logIn(app, { username: 'johndoe', password: 'secret' })
      await query(url, "UPDATE users SET disabled = true WHERE username = 'johndoe'")
      t.same((await as(app, token).get('/users/me/')).json(), { detail: 'Inactive user' })
      await enable('johndoe')
      t.equal((await as(app, token).get('/users/me/')).statusCode, 401)
    },
  )
}

t.test('no other service accepts the token that the tutorial gives a disabled user', async (t) => {
  for (const audience of [issuer, 'orders']) {
    const url = await cloneDatabase(t)
    const app = await startApp(t, { JWT_SECRET: '', ISSUER: issuer, AUDIENCE: audience }, url)
    t.equal(decode(await logIn(app, { username: 'johndoe', password: 'secret' }), 1).aud, audience)
    t.equal(decode(await logIn(app, alice), 1).aud, 'latchkey:nobody')
  }
})

t.test('a tutorial token issued before a user was first enabled stays refused', async (t) => {
  const url = await cloneDatabase(t)
  const insert =
    'INSERT INTO users (id, username, hashed_password, disabled) VALUES (gen_random_uuid(), $1, $2, $3)'
  await query(url, insert, ['out', cheapHash, true])
  await query(url, insert, ['in', cheapHash, false])
  t.same(await query(url, 'SELECT username, generation FROM users ORDER BY 1'), [
    { username: 'alice', generation: 1 },
    { username: 'in', generation: 0 },
    { username: 'johndoe', generation: 0 },
    { username: 'out', generation: 1 },
  ])
})

t.test('the statement that starts a login refuses a user who was disabled meanwhile', async (t) => {
  const { app } = await start(t, '')
  const { database } = app
  const limits = {
    refreshTokenIdleSeconds: 60,
    refreshTokenTtlSeconds: 60,
    refreshTokenGraceSeconds: 0,
    accessTokenTtlSeconds: 60,
  }
  const client = await database.client.findUniqueOrThrow({ where: { clientId: 'first-party' } })
  for (const [username, isStarted] of [
    ['johndoe', true],
    ['alice', false],
  ] as const) {
    const user = await database.user.findUniqueOrThrow({ where: { username } })
    const login = {
      id: crypto.randomUUID(),
      user,
      client,
      scope: 'me',
      resource: null,
      refreshToken: null,
      entry: null,
    }
    t.equal(await startFamily(login, limits, database), isStarted, username)
  }
})

async function logIn(app: FastifyInstance, form: Record<string, string>): Promise<string> {
  return (await postToken(app, form)).json<{ access_token: string }>().access_token
}
