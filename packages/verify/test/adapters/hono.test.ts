import { Hono } from 'hono'
import t from 'tap'
import { latchkeyHono } from '../../src/hono.js'
import { VerificationError } from '../../src/index.js'
import { testIssuer } from '../../src/testing.js'
import { now } from '../helpers/verifier.js'

async function startService() {
  const issuer = await testIssuer({ now })
  const { requireScope, requireToken } = latchkeyHono(issuer.settings)
  const app = new Hono()
    .get('/orders', requireScope('orders:read'), (context) => context.json(context.var.caller))
    .get('/me', requireToken, (context) => context.text(context.var.caller.clientId))
  return { app, issuer, requireScope }
}

t.test('a request with the scope knows its caller', async (t) => {
  const { app, issuer } = await startService()
  const authorization = `Bearer ${await issuer.token({ scope: 'orders:read', subject: 'anna' })}`
  const orders = await app.request('/orders', { headers: { authorization } })
  t.equal(orders.status, 200)
  t.match(await orders.json(), { subject: 'anna' })
  const me = await app.request('/me', { headers: { authorization } })
  t.equal(await me.text(), 'test')
})

t.test('a refusal is answered with its status, challenge and code', async (t) => {
  const { app } = await startService()
  const response = await app.request('/orders')
  t.equal(response.status, 401)
  t.equal(response.headers.get('www-authenticate'), 'Bearer realm="Latchkey", scope="orders:read"')
  t.match(await response.json(), { error: 'missing_token' })
})

t.test('an error handler of the service gets the error', async (t) => {
  const { app } = await startService()
  app.onError((error, context) =>
    context.text(error instanceof VerificationError ? error.code : 'other', 418),
  )
  const response = await app.request('/me')
  t.same([response.status, await response.text()], [418, 'missing_token'])
})

t.test('a scope that is missing is refused when the route is made', async (t) => {
  const { requireScope } = await startService()
  t.throws(() => requireScope(''), TypeError)
})
