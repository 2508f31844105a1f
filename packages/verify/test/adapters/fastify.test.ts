import fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { latchkeyFastify } from '../../src/fastify.js'
import { type TestIssuer, testIssuer } from '../../src/testing.js'
import { now } from '../helpers/verifier.js'

async function startService(t: Test): Promise<{ app: FastifyInstance; issuer: TestIssuer }> {
  const issuer = await testIssuer({ now })
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(latchkeyFastify, issuer.settings)
  app.get('/orders', { onRequest: app.requireScope('orders:read') }, ({ caller }) => ({
    subject: caller.subject,
  }))
  app.get('/me', { preHandler: app.requireToken }, ({ caller }) => ({ clientId: caller.clientId }))
  app.get('/open', ({ caller }) => caller)
  return { app, issuer }
}

t.test('a request with the scope knows its caller', async (t) => {
  const { app, issuer } = await startService(t)
  const authorization = `Bearer ${await issuer.token({ scope: 'orders:read', subject: 'anna' })}`
  const orders = await app.inject({ url: '/orders', headers: { authorization } })
  t.same([orders.statusCode, orders.json()], [200, { subject: 'anna' }])
  const me = await app.inject({ url: '/me', headers: { authorization } })
  t.same([me.statusCode, me.json()], [200, { clientId: 'test' }])
})

t.test('a refusal has its status and its challenge', async (t) => {
  const { app, issuer } = await startService(t)
  const missing = await app.inject('/orders')
  t.equal(missing.statusCode, 401)
  t.equal(missing.headers['www-authenticate'], 'Bearer realm="Latchkey", scope="orders:read"')
  t.match(missing.json(), { code: 'missing_token', message: 'The request has no access token' })
  const authorization = `Bearer ${await issuer.token()}`
  const lacking = await app.inject({ url: '/orders', headers: { authorization } })
  t.equal(lacking.statusCode, 403)
  t.match(lacking.headers['www-authenticate'], /error="insufficient_scope"/)
})

t.test('an error handler of the service gets the error, and the challenge stays', async (t) => {
  const { app } = await startService(t)
  app.setErrorHandler((error: Error & { code?: string }, _request, reply) =>
    reply.code(418).send({ code: error.code }),
  )
  const response = await app.inject('/me')
  t.same([response.statusCode, response.json()], [418, { code: 'missing_token' }])
  t.equal(response.headers['www-authenticate'], 'Bearer realm="Latchkey"')
})

t.test('an issuer that fails is answered with 503', async (t) => {
  const { app, issuer } = await startService(t)
  const authorization = `Bearer ${await issuer.token()}`
  issuer.fail(500)
  const response = await app.inject({ url: '/me', headers: { authorization } })
  t.equal(response.statusCode, 503)
  t.equal(response.headers['retry-after'], '1')
  t.equal(response.headers['www-authenticate'], undefined)
})

t.test('a route without a hook has no caller', async (t) => {
  const { app } = await startService(t)
  const response = await app.inject('/open')
  t.match(response.json(), { message: /neither requireScope nor requireToken/ })
})

t.test('wrong options, and a scope that is missing, end the start', async (t) => {
  const app = fastify()
  await t.rejects(
    async () => app.register(latchkeyFastify, { issuer: 'https://latchkey.test', audience: '' }),
    /audience must be/,
  )
  const { app: service } = await startService(t)
  t.throws(() => service.requireScope(undefined as unknown as string), TypeError)
})

t.test('plugins within the instance have the hooks, too', async (t) => {
  const { app } = await startService(t)
  await app.register(async (inner) => {
    inner.get('/inner', { onRequest: inner.requireToken }, () => 'x')
  })
  t.equal((await app.inject('/inner')).statusCode, 401)
})

t.test('errors that are no refusal are passed on', async (t) => {
  const { app, issuer } = await startService(t)
  const authorization = `Bearer ${await issuer.token()}`
  issuer.clock.now = () => {
    throw new Error('the clock is broken')
  }
  const response = await app.inject({ url: '/me', headers: { authorization } })
  t.equal(response.statusCode, 500)
  t.match(response.json(), { message: 'the clock is broken' })
})

t.test('a plugin that is registered later has the hooks, without a wait', async (t) => {
  const app = fastify()
  t.teardown(() => app.close())
  app.register(latchkeyFastify, (await testIssuer({ now })).settings)
  app.register(async (routes) => {
    routes.get('/orders', { onRequest: routes.requireScope('orders:read') }, () => 'x')
  })
  t.equal((await app.inject('/orders')).statusCode, 401)
})
