import t from 'tap'
import { latchkeyRequest } from '../../src/request.js'
import { testIssuer } from '../../src/testing.js'
import { now } from '../helpers/verifier.js'

const url = 'https://service.test/orders'

async function startService() {
  const issuer = await testIssuer({ now })
  return { issuer, ...latchkeyRequest(issuer.settings) }
}

t.test('a handler gets the caller, and what the platform passes', async (t) => {
  const { issuer, requireScope, requireToken } = await startService()
  const authorization = `Bearer ${await issuer.token({ scope: 'orders:read' })}`
  const request = new Request(url, { headers: { authorization } })
  const scoped = requireScope('orders:read', (_request, { clientId }, env: { name: string }) =>
    Response.json([clientId, env.name]),
  )
  t.same(await (await scoped(request, { name: 'production' })).json(), ['test', 'production'])
  const open = requireToken(async ({ url }, { scope }) => Response.json([url, ...scope]))
  t.same(await (await open(request)).json(), [url, 'orders:read'])
})

t.test('a refusal is a response, and the handler is not called', async (t) => {
  const { requireScope } = await startService()
  const handle = requireScope('orders:read', () => t.fail() as never)
  const response = await handle(new Request(url))
  t.equal(response.status, 401)
  t.equal(response.headers.get('www-authenticate'), 'Bearer realm="Latchkey", scope="orders:read"')
})

t.test('errors of the handler, and of a request that was aborted, are passed on', async (t) => {
  const { issuer, requireToken } = await startService()
  const headers = { authorization: `Bearer ${await issuer.token()}` }
  const failure = new Error('of the handler')
  const handle = requireToken(() => Promise.reject(failure))
  const reason = new Error('closed')
  await t.rejects(handle(new Request(url, { headers, signal: AbortSignal.abort(reason) })), reason)
  await t.rejects(handle(new Request(url, { headers })), failure)
})

t.test('a scope that is missing is refused when the handler is made', async (t) => {
  const { requireScope } = await startService()
  t.throws(() => requireScope([], () => new Response()), TypeError)
})
