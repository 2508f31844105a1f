import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { type ExpressMiddleware, latchkeyExpress } from '../../src/express.js'
import type { VerificationError } from '../../src/index.js'
import { type TestIssuer, testIssuer } from '../../src/testing.js'
import { now } from '../helpers/verifier.js'

/** Starts a server that passes every request through middleware, and handles errors as Express does. */
async function startService(
  t: Test,
  middleware: (guards: ReturnType<typeof latchkeyExpress>) => ExpressMiddleware,
): Promise<{ url: string; issuer: TestIssuer }> {
  const issuer = await testIssuer({ now })
  const guard = middleware(latchkeyExpress(issuer.settings))
  const server = createServer(
    (request: IncomingMessage & Partial<Pick<Express.Request, 'caller'>>, response) =>
      guard(request, response, (error) => answer(response, error, request.caller)),
  )
  t.teardown(() => server.close())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { issuer, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

function answer(response: ServerResponse, error: unknown, caller: unknown): void {
  const { status = 500, message } = (error ?? { status: 200 }) as Partial<VerificationError>
  response.statusCode = status
  response.end(JSON.stringify({ message, caller }))
}

t.test('a request with the scope knows its caller', async (t) => {
  const { url, issuer } = await startService(t, ({ requireScope }) => requireScope('orders:read'))
  const authorization = `Bearer ${await issuer.token({ scope: 'orders:read' })}`
  const response = await fetch(url, { headers: { authorization } })
  t.equal(response.status, 200)
  t.match(await response.json(), { caller: { clientId: 'test', scope: ['orders:read'] } })
})

t.test('a refusal goes to the error handler, with its challenge set', async (t) => {
  const { url } = await startService(t, ({ requireToken }) => requireToken)
  const response = await fetch(url)
  t.equal(response.status, 401)
  t.equal(response.headers.get('www-authenticate'), 'Bearer realm="Latchkey"')
  t.match(await response.json(), { message: 'The request has no access token', caller: undefined })
})

t.test('errors that are no refusal are passed on', async (t) => {
  const { url, issuer } = await startService(t, ({ requireToken }) => requireToken)
  const authorization = `Bearer ${await issuer.token()}`
  issuer.clock.now = () => {
    throw new Error('the clock is broken')
  }
  const response = await fetch(url, { headers: { authorization } })
  t.equal(response.status, 500)
  t.match(await response.json(), { message: 'the clock is broken' })
})

t.test('a scope that is missing is refused when the route is made', async (t) => {
  const issuer = await testIssuer({ now })
  t.throws(() => latchkeyExpress(issuer.settings).requireScope(undefined as unknown as string), TypeError)
})
