import type { FastifyInstance } from 'fastify'
import t from 'tap'
import { issuer, signIn, signInClient, startIssuer } from '../../../test/conformance/server.js'
import { type Fetch, tokenVerifier, type VerifierEvent } from '../src/index.js'

/** Returns a `fetch` that reaches the service in this process. */
function fetchFrom(app: FastifyInstance): Fetch {
  return async (url, { headers }) => {
    const { statusCode, payload, headers: sent } = await app.inject({ url: new URL(url).pathname, headers })
    const hasBody = statusCode !== 204 && statusCode !== 304
    return new Response(hasBody ? payload : null, {
      status: statusCode,
      headers: Object.entries(sent).map(([name, value]): [string, string] => [name, String(value)]),
    })
  }
}

t.test('tokens of Latchkey are accepted, whoever they were issued to', async (t) => {
  for (const algorithm of ['ES256', 'RS256']) {
    const app = await startIssuer(t, { SIGNING_ALGORITHM: algorithm })
    const verify = tokenVerifier({ issuer, audience: issuer, fetch: fetchFrom(app) })
    const user = await signIn(app)
    t.match(await verify(`Bearer ${user.access_token}`), { subject: 'johndoe', clientId: 'reports' })
    const client = await signInClient(app, { scope: 'orders:read' })
    const caller = await verify(`Bearer ${client.access_token}`, { scope: 'orders:read' })
    t.match(caller, { subject: 'client:reports', clientId: 'reports', scope: ['orders:read'] })
    await t.rejects(verify(`Bearer ${client.access_token}`, { scope: 'me' }), { code: 'insufficient_scope' })
    await t.rejects(verify(`Bearer ${user.refresh_token}`), { code: 'malformed_token' })
  }
})

t.test('a token for another audience is refused', async (t) => {
  const app = await startIssuer(t)
  const verify = tokenVerifier({ issuer, audience: 'https://orders.example', fetch: fetchFrom(app) })
  const { access_token } = await signIn(app)
  await t.rejects(verify(`Bearer ${access_token}`), { code: 'wrong_audience' })
})

t.test('a token that is signed with a shared secret is refused', async (t) => {
  const app = await startIssuer(t, { JWT_SECRET: 'a secret that nobody but Latchkey must know' })
  const verify = tokenVerifier({ issuer, audience: issuer, fetch: fetchFrom(app) })
  const { access_token } = await signIn(app)
  await t.rejects(verify(`Bearer ${access_token}`), { code: 'wrong_type' })
})

t.test('the keys of Latchkey are revalidated by their entity tag', async (t) => {
  const app = await startIssuer(t, { JWKS_MAX_AGE_SECONDS: '60' })
  const { access_token } = await signIn(app)
  let passed = 0
  const events: VerifierEvent[] = []
  const verify = tokenVerifier({
    issuer,
    audience: issuer,
    fetch: fetchFrom(app),
    clock: { now: () => Date.now(), monotonic: () => passed },
    onEvent: (event) => events.push(event),
  })
  await verify(`Bearer ${access_token}`)
  passed += 60_000
  await verify(`Bearer ${access_token}`)
  const fetched = events.filter((event) => event.type === 'document_fetched' && event.document === 'jwks')
  t.match(fetched, [{ changed: true }, { changed: false }])
})

t.test('only the answer of Latchkey itself retires a list', async (t) => {
  const app = await startIssuer(t)
  const { access_token } = await signIn(app)
  const fetch = fetchFrom(app)
  const verifyAt = (path: string) =>
    tokenVerifier({
      issuer,
      audience: issuer,
      fetch: (url, init) => fetch(url.replace(/\/status-lists\/.*/, path), init),
    })(`Bearer ${access_token}`)
  await t.rejects(verifyAt('/status-lists/AAAAAAAAAAA'), { code: 'bad_status' })
  await t.rejects(
    verifyAt('/lists/AAAAAAAAAAA'),
    { code: 'status_unavailable' },
    'a path that it does not have',
  )
})
