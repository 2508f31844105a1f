import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { Unavailable } from '../../src/errors.js'
import { postToken, startApp, untilConnected } from '../helpers/app.js'
import { as } from '../helpers/client.js'
import { storeClient } from '../helpers/clients.js'
import { watchMetrics } from '../helpers/metrics.js'
import { until } from '../helpers/wait.js'

const login = { username: 'johndoe', password: 'secret' }
const basic = (id: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})
const secret = 'a secret of this test'

/** Resolves when every request has been counted, which happens after its response. */
async function settle(app: FastifyInstance): Promise<void> {
  const risen = watchMetrics(app)
  await postToken(app, { grant_type: 'refresh_token' })
  await until(
    () => risen('latchkey_token_requests_total{grant="refresh_token",outcome="invalid_request"}') === 1,
  )
}

t.test('token requests and logins are counted by their outcome', async (t) => {
  const app = await startApp(t)
  const { check } = app.passwords
  const failWith = (error: Error | null) => {
    app.passwords.check = error ? () => Promise.reject(error) : check
  }
  const risen = watchMetrics(app)
  const expect = async (grant: string, outcome: string, loginOutcome?: string) => {
    await settle(app)
    t.equal(
      risen(`latchkey_token_requests_total{grant="${grant}",outcome="${outcome}"}`),
      1,
      `${grant} ${outcome}`,
    )
    if (loginOutcome) t.equal(risen(`latchkey_logins_total{outcome="${loginOutcome}"}`), 1, loginOutcome)
  }
  await postToken(app, login)
  await expect('password', 'ok', 'ok')
  await postToken(app, { ...login, password: 'wrong' })
  await expect('password', 'invalid_grant', 'wrong_password')
  await postToken(app, { ...login, grant_type: 'password', scope: 'unknown' })
  await expect('password', 'invalid_scope', 'refused')
  failWith(new Unavailable('hashing_wait'))
  await postToken(app, login)
  await expect('password', 'unavailable', 'unavailable')
  t.equal(risen('latchkey_unavailable_responses_total{reason="hashing_wait"}'), 1)
  failWith(new Error('a fault'))
  await postToken(app, login)
  await expect('password', 'error', 'error')
  t.equal(risen('latchkey_error_responses_total{code="internal_error"}'), 1)
  failWith(null)
  await postToken(app, { grant_type: 'urn:x' })
  await expect('_OTHER', 'unsupported_grant_type')
  await app.inject({
    method: 'POST',
    url: '/token',
    payload: 'x'.repeat(100_000),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  await expect('_OTHER', 'invalid_request')
  await postToken(app, { grant_type: 'client_credentials', client_id: 'nobody' })
  await expect('client_credentials', 'invalid_client')
  t.equal(risen('latchkey_password_checks_total{result="correct"}'), 2)
  t.equal(risen('latchkey_password_checks_total{result="wrong"}'), 1)
  t.equal(risen('latchkey_hashing_duration_seconds_count{operation="verify"}'), 3)
  t.ok(risen('latchkey_signing_duration_seconds_count') >= 1)
})

t.test('a client that disconnects before the response is counted as such', async (t) => {
  const app = await startApp(t, { METRICS_PORT: '0' })
  const risen = watchMetrics(app)
  let finish = () => {}
  const started = new Promise<void>((resolve) => {
    app.passwords.check = () => {
      resolve()
      return new Promise<boolean>((end) => {
        finish = () => end(true)
      })
    }
  })
  const leaving = new AbortController()
  const origin = await app.listen({ host: '127.0.0.1', port: 0 })
  const request = fetch(`${origin}/token`, {
    method: 'POST',
    body: new URLSearchParams(login),
    signal: leaving.signal,
  })
  await started
  t.equal(risen('http_server_active_requests{http_request_method="POST"}'), 1)
  t.equal(risen('latchkey_connections'), 1)
  leaving.abort()
  await t.rejects(request)
  await until(() => risen('latchkey_logins_total{outcome="aborted"}') === 1)
  t.equal(risen('latchkey_token_requests_total{grant="password",outcome="aborted"}'), 1)
  t.equal(
    risen('http_server_request_duration_seconds_count{http_request_method="POST",http_route="/token"}'),
    1,
  )
  finish()
  await until(() => risen('latchkey_connections') === 0)
})

t.test('too many wrong passwords are counted for the network and for the account', async (t) => {
  const app = await startApp(t, {
    LOGIN_FAILURES_PER_ACCOUNT_AND_NETWORK: '1',
    LOGIN_FAILURES_PER_ACCOUNT: '1',
  })
  const risen = watchMetrics(app)
  for (let attempt = 0; attempt < 4; attempt++) await postToken(app, { ...login, password: 'wrong' })
  await settle(app)
  const throttled = risen('latchkey_throttled_attempts_total{of="network"}')
  t.ok(throttled > 0)
  t.equal(risen('latchkey_logins_total{outcome="throttled"}'), throttled)
  t.equal(risen('latchkey_token_requests_total{grant="password",outcome="throttled"}'), throttled)
})

t.test('token requests are counted for the first clients', async (t) => {
  const app = await startApp(t, { METRICS_CLIENTS: '2' })
  for (const id of ['one', 'two', 'three']) await storeClient(app.database, id, secret)
  const risen = watchMetrics(app)
  for (const id of ['one', 'two', 'three', 'one', 'three', 'nobody'])
    await postToken(app, { grant_type: 'client_credentials' }, basic(id))
  await settle(app)
  const ofClient = (id: string) =>
    risen(`latchkey_client_token_requests_total{client_id="${id}",outcome="ok"}`)
  t.same(['one', 'two', 'three', '_OTHER', 'nobody'].map(ofClient), [2, 1, 0, 2, 0])
})

t.test('refreshes are counted by what was found out about the token', async (t) => {
  const app = await startApp(t)
  await storeClient(app.database, 'another', secret)
  const risen = watchMetrics(app)
  const outcomes = ['rotated', 'replayed', 'reused', 'expired', 'unknown', 'foreign']
  const counts = () => outcomes.map((outcome) => risen(`latchkey_refreshes_total{outcome="${outcome}"}`))
  const startLogin = async () => (await postToken(app, login)).json<{ refresh_token: string }>().refresh_token
  const refresh = (refresh_token: string, headers = {}) =>
    postToken(app, { grant_type: 'refresh_token', refresh_token }, headers)
  const first = await startLogin()
  await refresh(first)
  await refresh(first)
  t.same(counts(), [1, 1, 0, 0, 0, 0])
  const past = new Date(Date.now() - 3_600_000)
  await app.database.refreshToken.updateMany({ where: { NOT: { usedAt: null } }, data: { usedAt: past } })
  await refresh(first)
  await refresh(first)
  t.same(counts(), [1, 1, 1, 1, 0, 0], 'a revoked login is over')
  const second = await startLogin()
  await app.database.refreshToken.updateMany({ data: { expiresAt: past } })
  await refresh(second)
  await refresh('unknown')
  await refresh(await startLogin(), basic('another'))
  t.same(counts(), [1, 1, 1, 2, 1, 1])
})

t.test('checks of access tokens are counted by place and result', async (t) => {
  const app = await startApp(t)
  await storeClient(app.database, 'gateway', secret, [], ['introspect'])
  const token = (await postToken(app, { ...login, grant_type: 'password', scope: 'me' })).json<{
    access_token: string
  }>().access_token
  const risen = watchMetrics(app)
  const checks = (place: string, result: string) =>
    risen(`latchkey_access_token_checks_total{place="${place}",result="${result}"}`)
  await as(app, token).get('/users/me/')
  await as(app, token).get('/users/me/items/')
  await as(app, 'nonsense').get('/users/me/')
  await app.inject('/users/me/')
  await as(app, token).get('/users/johndoe/items/')
  t.same(
    ['ok', 'insufficient_scope', 'invalid', 'missing'].map((result) => checks('route', result)),
    [1, 2, 1, 1],
  )
  await as(app, token).get('/verify')
  await as(app, token).get('/verify?scope=other')
  await as(app, token).get('/verify?unknown=1')
  t.same([checks('verify', 'ok'), checks('verify', 'insufficient_scope')], [1, 1])
  for (const one of [token, 'nonsense'])
    await app.inject({
      method: 'POST',
      url: '/introspect',
      headers: { ...basic('gateway'), 'content-type': 'application/x-www-form-urlencoded' },
      payload: `token=${one}`,
    })
  t.same([checks('introspection', 'ok'), checks('introspection', 'invalid')], [1, 1])
  t.ok(risen('latchkey_cache_requests_total{cache="verified_tokens",result="hit"}') > 0)
  t.equal(
    risen('latchkey_cache_requests_total{cache="verified_tokens",result="miss"}'),
    3,
    'the token, and nonsense twice',
  )
  t.ok(risen('latchkey_cache_requests_total{cache="standings",result="hit"}') > 0)
  t.equal(risen('latchkey_cache_entries{cache="standings"}'), 1)
})

t.test('status lists are counted', async (t) => {
  const app = await startApp(t, { JWT_SECRET: '' })
  await untilConnected(app)
  const risen = watchMetrics(app)
  await postToken(app, login)
  t.equal(risen('latchkey_status_entries_total'), 1)
  t.equal(risen('latchkey_status_blocks_total'), 1)
  const { status_lists: lists } = (await app.inject('/status-lists')).json<{ status_lists: string[] }>()
  await app.inject(new URL(String(lists[0])).pathname)
  t.equal(risen('latchkey_status_list_builds_total'), 1)
  t.equal(risen('latchkey_status_lists_loaded'), 1)
})
